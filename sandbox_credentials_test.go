package payermax

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Credentials with the sandbox are refused, since they suggest that somebody mistakes it
// for PayerMax, unless the config says that they are intended.
func TestSandboxRefusesCredentials(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_EMPTY", "")
	t.Setenv("PAYERMAX_TEST_BLANK", " \t")
	t.Setenv("PAYERMAX_TEST_SET", "set")
	key, public := writePrivateKey(t, merchantKey()), writePublicKey(t, &merchantKey().PublicKey)
	t.Setenv("PAYERMAX_TEST_KEY", key)

	for name, test := range map[string]struct {
		merchant Merchant
		named    string // "" if the sandbox runs
	}{
		"nothing":                       {Merchant{}, ""},
		"app_id":                        {Merchant{AppID: "app"}, "app_id"},
		"app_id by variable":            {Merchant{AppID: "{env.PAYERMAX_TEST_SET}"}, "app_id"},
		"app_id in part":                {Merchant{AppID: "app-{env.PAYERMAX_TEST_EMPTY}"}, "app_id"},
		"merchant_no":                   {Merchant{MerchantNo: "0202"}, "merchant_no"},
		"sp_merchant_no":                {Merchant{SPMerchantNo: "0202"}, "sp_merchant_no"},
		"key":                           {Merchant{KeyRaw: keyFile(key)}, "private_key"},
		"key by variable":               {Merchant{KeyRaw: keyFile("{env.PAYERMAX_TEST_KEY}")}, "private_key"},
		"key elsewhere":                 {Merchant{KeyRaw: json.RawMessage(`{"source":"distant"}`)}, "private_key"},
		"key in a file, of any source":  {Merchant{KeyRaw: json.RawMessage(`{"source":"distant","path":"private.key"}`)}, "private_key"},
		"its path is empty":             {Merchant{KeyRaw: json.RawMessage(`{"source":"distant","path":"{env.PAYERMAX_TEST_EMPTY}"}`)}, ""},
		"next key":                      {Merchant{NextKeyRaw: keyFile(key)}, "next_private_key"},
		"public key":                    {Merchant{MerchantPublicKey: public}, "merchant_public_key"},
		"gateway key":                   {Merchant{GatewayPublicKeys: []string{public}}, "gateway_public_key"},
		"gateway key beside an absence": {Merchant{GatewayPublicKeys: []string{"{env.PAYERMAX_TEST_EMPTY}", public}}, "gateway_public_key"},
		"token":                         {Merchant{MerchantAuthToken: "{env.PAYERMAX_TEST_SET}"}, "merchant_auth_token"},
		"token of the request":          {Merchant{MerchantAuthToken: "{http.request.header.X-Token}"}, "merchant_auth_token"},
		"two":                           {Merchant{AppID: "app", KeyRaw: keyFile(key)}, "app_id, private_key"},
		"variables that are empty":      {credentialsFrom("{env.PAYERMAX_TEST_EMPTY}"), ""},
		"variables of white space":      {credentialsFrom("{env.PAYERMAX_TEST_BLANK}"), ""},
		"files that are not there": {credentialsFrom("{file./nowhere/payermax}"),
			"app_id, merchant_no, sp_merchant_no, merchant_auth_token, private_key, next_private_key, merchant_public_key, gateway_public_key"},
		"files that are empty":   {credentialsFrom("{file." + testkeys.WriteFile(t, "") + "}"), ""},
		"the version of the key": {Merchant{KeyVersion: "1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Handler{Merchant: test.merchant, Sandbox: true}
			err := testcaddy.Provision(t, h)
			if test.named == "" {
				require.NoError(t, err)
				assert.Contains(t, serve(t, h, post(sessionBody), testcaddy.Unreachable(t)).Body.String(), protocol.CodeApplySuccess)
				return
			}
			for _, words := range []string{
				"the gateway is the sandbox, which never calls PayerMax", "a merchant's " + test.named + ",",
				"write gateway uat or gateway production", "gateway sandbox sandbox", `"sandbox_with_credentials": true`,
			} {
				assert.ErrorContains(t, err, words)
			}
		})
	}
}

// The config fails to load if the token's file is missing, even though the sandbox needs
// no token. The doctor reports the same.
func TestSandboxAndTheTokensFile(t *testing.T) {
	missing, there := filepath.Join(t.TempDir(), "token"), testkeys.WriteFile(t, "token")
	for name, test := range map[string]struct {
		merchant, says string
		meant          bool
	}{
		"missing":            {"{file." + missing + "}", "a merchant's merchant_auth_token,", false},
		"missing, and meant": {"{file." + missing + "}", "merchant_auth_token: ", true},
		"there, and meant":   {"{file." + there + "}", "", true},
		"no variable":        {"{env.PAYERMAX_TEST_NOWHERE}", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Handler{Merchant: Merchant{MerchantAuthToken: test.merchant}, Sandbox: true, SandboxWithCredentials: test.meant}
			gateway := "gateway sandbox"
			if test.meant {
				gateway += " sandbox"
			}
			report := examined(t, site(gateway+"\nmerchant_auth_token "+test.merchant), doctor.Options{Offline: true})
			err := testcaddy.Provision(t, h)
			if test.says != "" {
				assert.ErrorContains(t, err, test.says)
				assert.NotZero(t, report.Count(doctor.Problem))
				return
			}
			require.NoError(t, err)
			assert.Contains(t, serve(t, h, post(sessionBody), testcaddy.Unreachable(t)).Body.String(), protocol.CodeApplySuccess)
			assert.Zero(t, report.Count(doctor.Problem), "%v", report)
		})
	}
}

// credentialsFrom returns a merchant with the same value in each option that is a
// credential.
func credentialsFrom(value string) Merchant {
	return Merchant{
		AppID: value, MerchantNo: value, SPMerchantNo: value, MerchantAuthToken: value, MerchantPublicKey: value,
		KeyRaw: keyFile(value), NextKeyRaw: keyFile(value), GatewayPublicKeys: []string{value},
	}
}

// The credentials of one of several merchants are refused, too.
func TestSandboxRefusesCredentialsOfSeveral(t *testing.T) {
	several := func() *Handler {
		return &Handler{Sandbox: true, Merchants: []MerchantChoice{{Merchant: Merchant{MerchantNo: "0202", AppID: "app"}}}}
	}
	require.ErrorContains(t, testcaddy.Provision(t, several()), "merchant 0202: the gateway is the sandbox")
	meant := several()
	meant.SandboxWithCredentials = true
	require.NoError(t, testcaddy.Provision(t, meant))
	shared := &Handler{Sandbox: true, Merchant: Merchant{SPMerchantNo: "SP"}, Merchants: []MerchantChoice{{}}}
	require.ErrorContains(t, testcaddy.Provision(t, shared), "a merchant's sp_merchant_no,")
}

// With credentials that are intended, the sandbox identifies the merchant by them.
func TestSandboxWithCredentials(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Sandbox, h.SandboxWithCredentials = true, true })
	w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
	current := h.merchants.only.keyring.Current()
	assert.Equal(t, "app", h.merchants.only.identity.AppID)
	assert.Equal(t, "file", current.Signing.Source)
}

// Reading a handler's keys again keeps the sandbox's key, which is in no file.
func TestSandboxKeySurvivesARefresh(t *testing.T) {
	path := writePrivateKey(t, merchantKey())
	h := newHandler(t, func(h *Handler) { h.Sandbox, h.SandboxWithCredentials, h.KeyRaw = true, true, keyFile(path) })
	pem, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(pem, '\n'), 0o600)) // the same key
	before := h.merchants.only.keyring.Current().Loaded
	h.merchants.only.keyring.Refresh()
	require.NotEqual(t, before, h.merchants.only.keyring.Current().Loaded)

	w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
	assert.Contains(t, w.Header().Get("Proxy-Status"), string(verdict.Verified))
}
