package payermax

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

func TestProvisionRefuses(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_EMPTY", "")
	key := writePrivateKey(t, merchantKey())
	public := writePublicKey(t, &gatewayKey().PublicKey)

	for _, test := range []struct {
		name  string
		h     Handler
		words []string
	}{
		{"nothing configured", Handler{}, []string{"app_id: required"}},
		{"no key", Handler{Merchant: Merchant{AppID: "app"}}, []string{"private_key: required"}},
		{"no such file", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile("no/such.key")}}, []string{"private_key: ", "no/such.key", "no such file"}},
		{"public key as private key", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(public)}}, []string{"private_key: ", public, "it is a public key"}},
		{"private key as gateway key", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key), GatewayPublicKeys: []string{key}}}, []string{"gateway_public_key: ", "it is a private key"}},
		{"quotes around the key's path", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile("'" + key + "'")}}, []string{"private_key: ", "has quotes in it"}},
		{"quotes around the next key's path", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key), NextKeyRaw: keyFile("'" + key + "'")}}, []string{"next_private_key: ", "has quotes in it"}},
		{"empty placeholder for the key", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile("{env.PAYERMAX_TEST_EMPTY}")}}, []string{"private_key: {env.PAYERMAX_TEST_EMPTY}: the path is empty"}},
		{"empty placeholder for the app", Handler{Merchant: Merchant{AppID: "{env.PAYERMAX_TEST_EMPTY}", KeyRaw: keyFile(key)}}, []string{"app_id: {env.PAYERMAX_TEST_EMPTY} is empty"}},
		// A variable that is not set must not switch off a check.
		{"empty placeholder for the gateway key", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key), GatewayPublicKeys: []string{"{env.PAYERMAX_TEST_EMPTY}"}}}, []string{"gateway_public_key: {env.PAYERMAX_TEST_EMPTY} is empty"}},
		{"unknown placeholder", Handler{Merchant: Merchant{AppID: "{nope.nope}", KeyRaw: keyFile(key)}}, []string{"app_id: ", "nope.nope"}},
		{"version of an unknown endpoint", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key)}, Versions: map[string]string{"pay": "1.1"}}, []string{`version: there is no endpoint "pay"`}},
		{"unknown endpoint", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key)}, Endpoints: []string{"dropin"}}, []string{`endpoints: "dropin" is neither an endpoint nor a group; did you mean drop_in?`}},
		{"an endpoint like no other", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key)}, Endpoints: []string{"weather"}}, []string{`endpoints: "weather" is neither an endpoint nor a group`, "drop_in, all, applyDropinSession"}},
		{"long app_id", Handler{Merchant: Merchant{AppID: strings.Repeat("a", 65), KeyRaw: keyFile(key)}}, []string{"app_id: longer than the 64 characters"}},
		{"long merchant_no", Handler{Merchant: Merchant{AppID: "app", MerchantNo: strings.Repeat("1", 33), KeyRaw: keyFile(key)}}, []string{"merchant_no: longer than the 32 characters"}},
		{"line break in app_id", Handler{Merchant: Merchant{AppID: "app\n", KeyRaw: keyFile(key)}}, []string{`app_id: "app\n" contains control characters`}},
		{"negative size", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key)}, MaxBodySize: -1}, []string{"max_body_size"}},
		{"negative timeout", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key)}, Timeout: -1}, []string{"timeout"}},
		{"gateway key beside the sandbox", Handler{Merchant: Merchant{GatewayPublicKeys: []string{public}}, Sandbox: true, SandboxWithCredentials: true},
			[]string{"gateway_public_key: the gateway is the sandbox", "not PayerMax's. For PayerMax, write gateway uat or gateway production; for the sandbox, remove"}},
		{"permission without the sandbox", Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key)}, SandboxWithCredentials: true}, []string{"sandbox_with_credentials has no meaning without sandbox"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := testcaddy.Provision(t, &test.h)
			require.Error(t, err)
			for _, words := range test.words {
				assert.ErrorContains(t, err, words)
			}
		})
	}
}

// Any version can be declared. If it has no rules, the log says which version's rules
// apply.
func TestAnyVersionCanBeDeclared(t *testing.T) {
	for version, of := range map[string]string{"1.0": "1.4", "1.1": "1.4", "1.4": "", "1.5": "", "1.6": "", "1.7": "1.6", "2.0": "1.6"} {
		h := newHandler(t)
		h.Versions = map[string]string{protocol.SessionEndpoint: version}
		var err error
		h.routes, err = h.enabledRoutes()
		require.NoError(t, err, version)
		logs := logged(h)
		h.tellNearestRules()
		if of == "" {
			assert.Empty(t, logs.All(), version)
		} else if assert.Len(t, logs.All(), 1, version) {
			assert.Equal(t, map[string]any{"payermax.endpoint": protocol.SessionEndpoint, "version": version, "rules": of}, logs.All()[0].ContextMap())
		}
		w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Contains(t, string(body), `"version":"`+version+`"`)
			_, err = io.WriteString(w, `{"code":"APPLY_SUCCESS"}`)
			return err
		})
		assert.Equal(t, http.StatusOK, w.Code, version)
	}
}

// An environment variable makes it easy to write the key itself in place of its path. The
// error must not repeat the key.
func TestProvisionDoesNotRepeatKeyGivenAsPath(t *testing.T) {
	pem, err := os.ReadFile(writePrivateKey(t, merchantKey()))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(pem)), "\n")
	oneLine := strings.Join(lines[1:len(lines)-1], "")

	for name, value := range map[string]string{"PEM": string(pem), "one line": oneLine} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PAYERMAX_TEST_KEY", value)
			for _, configured := range []string{"{env.PAYERMAX_TEST_KEY}", value} {
				err := testcaddy.Provision(t, &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(configured)}})
				require.ErrorContains(t, err, "looks like a key itself")
				assert.NotContains(t, err.Error(), oneLine[40:56])
			}
		})
	}
}

func TestProvisionExpandsPlaceholders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app_id"), []byte("from-a-file\n"), 0o600))
	t.Setenv("PAYERMAX_TEST_MERCHANT", "from-the-environment")
	t.Setenv("PAYERMAX_TEST_KEY", writePrivateKey(t, merchantKey()))

	h := &Handler{
		Merchant: Merchant{
			AppID:      "{file." + filepath.Join(dir, "app_id") + "}",
			MerchantNo: "{env.PAYERMAX_TEST_MERCHANT}",
			KeyRaw:     keyFile("{env.PAYERMAX_TEST_KEY}"),
		},
	}
	require.NoError(t, testcaddy.Provision(t, h))
	identity := h.merchants.only.identity
	assert.Equal(t, "from-a-file", identity.AppID)
	assert.Equal(t, "from-the-environment", identity.MerchantNo)
}

func TestProvisionDefaults(t *testing.T) {
	h := newHandler(t)
	assert.EqualValues(t, 65536, h.MaxBodySize)
	assert.Equal(t, caddy.Duration(defaultTimeout), h.Timeout)
	assert.Equal(t, "1.5", h.routes[sessionPath].Version)
	assert.Equal(t, "1", h.merchants.only.keyring.Current().KeyVersion)
}

// The sandbox needs no options at all.
func TestProvisionSandbox(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_EMPTY", "")
	h := &Handler{Merchant: Merchant{AppID: "{env.PAYERMAX_TEST_EMPTY}", KeyRaw: keyFile("{env.PAYERMAX_TEST_EMPTY}")}, Sandbox: true}
	require.NoError(t, testcaddy.Provision(t, h))
	w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
	assert.Contains(t, w.Header().Get("Proxy-Status"), string(verdict.Verified))
}

// Values that get into environment variables by accident are refused. The error shows the
// value, unless it is a token.
func TestProvisionRefusesAccidents(t *testing.T) {
	key := writePrivateKey(t, merchantKey())
	for value, says := range map[string]string{
		`"app"`:      `app_id: "\"app\"" has quotes in it`,
		"app\u00a0":  `app_id: "app\u00a0" has white space or invisible characters`,
		"CHANGE_ME":  `app_id: "CHANGE_ME" is a placeholder that was not filled in`,
		"${APP_ID}":  `app_id: "${APP_ID}" still contains a variable`,
		"2.0213e+14": `app_id: "2.0213e+14" is a number in the notation of a spreadsheet`,
	} {
		t.Setenv("PAYERMAX_TEST_APP_ID", value)
		h := &Handler{Merchant: Merchant{AppID: "{env.PAYERMAX_TEST_APP_ID}", KeyRaw: keyFile(key)}}
		assert.ErrorContains(t, testcaddy.Provision(t, h), says)
	}

	t.Setenv("PAYERMAX_TEST_KEY", "'"+key+"'")
	h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile("{env.PAYERMAX_TEST_KEY}")}}
	assert.ErrorContains(t, testcaddy.Provision(t, h), "has quotes in it")

	t.Setenv("PAYERMAX_TEST_TOKEN", `"canary"`)
	h = &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(key), MerchantAuthToken: "{env.PAYERMAX_TEST_TOKEN}"}}
	err := testcaddy.Provision(t, h)
	assert.ErrorContains(t, err, "merchant_auth_token: the token, which is not repeated here, has quotes in it")
	assert.NotContains(t, err.Error(), "canary")
}
