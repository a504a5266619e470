package doctor

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestCheckOption(t *testing.T) {
	for name, test := range map[string]struct {
		option        Option
		outcome       Outcome
		message, next string
	}{
		"set":           {value("app_id", "app"), OK, "app", ""},
		"empty":         {Option{Name: "app_id"}, Problem, "it is empty", "set it"},
		"unset":         {Option{Name: "app_id", Empty: []string{"{env.APP}"}}, Problem, "{env.APP} is empty or not set", "set the variable, and run this check with the sidecar's own environment"},
		"no file":       {Option{Name: "app_id", Empty: []string{"{file./run/app}"}}, Problem, "{file./run/app} is empty or not set", "check that the file exists, is readable and is not empty"},
		"unset in part": {Option{Name: "app_id", Value: "app-", Empty: []string{"{env.A}", "{env.B}"}}, Warning, "{env.A} and {env.B} is empty or not set, so part of the value is missing", "set the variable, and run this check with the sidecar's own environment"},
		"refused":       {Option{Name: "app_id", Error: errors.New("app_id: longer than the 64 characters that PayerMax allows")}, Problem, "longer than the 64 characters that PayerMax allows", ""},
	} {
		assert.Equal(t, Result{Check: "app_id", Outcome: test.outcome, Message: test.message, Next: test.next}, checkOption(test.option), name)
	}
}

func TestCheckIdentity(t *testing.T) {
	unset := []string{"{env.X}"}
	for name, test := range map[string]struct {
		merchant Merchant
		sandbox  bool
		want     map[string]Outcome
		says     string
	}{
		"all": {Merchant{AppID: value("app_id", "a"), MerchantNo: value("merchant_no", "m"), SPMerchantNo: value("sp_merchant_no", "s"),
			AuthToken: value("merchant_auth_token", "canary-token"), KeyVersion: value("key_version", "1")}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK, "sp_merchant_no": OK, "merchant_auth_token": OK, "key_version": OK}, "it is set"},
		"nothing": {Merchant{}, false, map[string]Outcome{"app_id": Problem, "merchant_no": OK}, "the appId in PayerMax's dashboard"},
		"no merchant_no": {Merchant{AppID: value("app_id", "a")}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK}, "the application's own is sent"},
		"variables unset": {Merchant{AppID: Option{Name: "app_id", Empty: unset}, MerchantNo: Option{Name: "merchant_no", Empty: unset}}, false,
			map[string]Outcome{"app_id": Problem, "merchant_no": Problem}, "{env.X} is empty or not set"},
		"variables unset in the sandbox": {Merchant{AppID: Option{Name: "app_id", Empty: unset}, MerchantNo: Option{Name: "merchant_no", Empty: unset}, SPMerchantNo: Option{Name: "sp_merchant_no", Empty: unset}}, true,
			map[string]Outcome{"app_id": OK, "merchant_no": OK}, "the one in PayerMax's documentation"},
		"too long in the sandbox": {Merchant{AppID: Option{Name: "app_id", Error: errors.New("app_id: longer")}}, true,
			map[string]Outcome{"app_id": Problem, "merchant_no": OK}, "longer"},
		"a provider without token": {Merchant{AppID: value("app_id", "a"), MerchantNo: value("merchant_no", "m"), SPMerchantNo: value("sp_merchant_no", "s")}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK, "sp_merchant_no": OK, "merchant_auth_token": Warning}, "name its file"},
		"a token that is empty": {Merchant{AppID: value("app_id", "a"), AuthToken: Option{Name: "merchant_auth_token", Empty: []string{"{file./t}"}}}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK, "merchant_auth_token": Problem}, "{file./t} is empty"},
		"a token that is refused": {Merchant{AppID: value("app_id", "a"), AuthToken: Option{Name: "merchant_auth_token", Error: errors.New("merchant_auth_token: expected a placeholder")}}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK, "merchant_auth_token": Problem}, "expected a placeholder"},
		"a token of two words": {Merchant{AppID: value("app_id", "a"), AuthToken: value("merchant_auth_token", "Token canary")}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK, "merchant_auth_token": Warning}, "white space"},
		"a token by request": {Merchant{AppID: value("app_id", "a"), AuthTokenPerRequest: true}, false,
			map[string]Outcome{"app_id": OK, "merchant_no": OK, "merchant_auth_token": NotChecked}, "each request"},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(map[string]Outcome)
			results := checkIdentity(test.merchant, test.sandbox)
			for _, r := range results {
				got[r.Check] = r.Outcome
			}
			assert.Equal(t, test.want, got)
			text := fmt.Sprint(results)
			assert.Contains(t, text, test.says)
			assert.NotContains(t, text, "canary")
		})
	}
}

func TestCheckGatewayKeys(t *testing.T) {
	own := []*rsa.PublicKey{&testkeys.Merchant().PublicKey, &testkeys.Next().PublicKey}
	good := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	example := "../signer/testdata/docs_example_public.pem"
	for name, test := range map[string]struct {
		files   []Option
		outcome []Outcome
		usable  int
		says    string
	}{
		"good":         {[]Option{value("gateway_public_key", good)}, []Outcome{OK}, 1, "fingerprint " + signer.Fingerprint(&testkeys.Gateway().PublicKey)},
		"none":         {nil, []Outcome{Warning}, 0, "without checking PayerMax's signature"},
		"one's own":    {[]Option{value("gateway_public_key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))}, []Outcome{Problem}, 0, "is the merchant's own public key, not PayerMax's"},
		"one's next":   {[]Option{value("gateway_public_key", testkeys.WritePublic(t, &testkeys.Next().PublicKey))}, []Outcome{Problem}, 0, "is the merchant's own public key, not PayerMax's"},
		"a private":    {[]Option{value("gateway_public_key", testkeys.WritePrivate(t, testkeys.Merchant()))}, []Outcome{Problem}, 0, "it is a private key"},
		"the example":  {[]Option{value("gateway_public_key", example)}, []Outcome{Problem}, 0, "the example key of PayerMax's documentation"},
		"missing":      {[]Option{value("gateway_public_key", good+"s")}, []Outcome{Problem}, 0, "no such file"},
		"unset":        {[]Option{{Name: "gateway_public_key", Empty: []string{"{env.PUB}"}}}, []Outcome{Problem}, 0, "{env.PUB} is empty"},
		"twice":        {[]Option{value("gateway_public_key", good), value("gateway_public_key", good)}, []Outcome{OK, Warning}, 1, "the same key as another one"},
		"good and bad": {[]Option{value("gateway_public_key", "/"), value("gateway_public_key", good)}, []Outcome{Problem, OK}, 1, "it is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			usable, results := checkGatewayKeys(test.files, own)
			var outcomes []Outcome
			for _, r := range results {
				assert.Equal(t, "gateway public key", r.Check)
				outcomes = append(outcomes, r.Outcome)
			}
			assert.Equal(t, test.outcome, outcomes)
			assert.Len(t, usable, test.usable)
			assert.Contains(t, fmt.Sprint(results), test.says)
			requireSilent(t, fmt.Sprint(results), testkeys.Merchant())
		})
	}
}

// PayerMax refuses the identities in the examples; a sandbox on this machine accepts
// them.
func TestExampleIdentity(t *testing.T) {
	m := Merchant{AppID: value("app_id", "your-uat-app-id"), MerchantNo: value("merchant_no", protocol.ExampleMerchantNo), SPMerchantNo: value("sp_merchant_no", "0123")}
	distant, near := Gateway{URL: "https://gateway.example"}, Gateway{URL: "http://localhost:9000"}
	for _, gateways := range [][]Gateway{nil, {distant}, {near, distant}} {
		results := checkExample(m, gateways)
		require.Len(t, results, 2)
		assert.Equal(t, Warning, results[0].Outcome)
		assert.Contains(t, results[0].Message, "your-uat-app-id is a placeholder from the examples")
		assert.Equal(t, "merchant_no", results[1].Check)
	}
	assert.Empty(t, checkExample(m, []Gateway{near}))
	assert.Empty(t, checkExample(Merchant{AppID: value("app_id", "own")}, nil))
}

// appId and merchantNo are easily exchanged when they are copied from the dashboard.
func TestExchangedIdentity(t *testing.T) {
	merchant := func(appID, merchantNo string) Merchant {
		return Merchant{AppID: value("app_id", appID), MerchantNo: value("merchant_no", merchantNo)}
	}
	result := only(t, checkIdentity(merchant(protocol.ExampleMerchantNo, protocol.ExampleAppID), false), "app_id")
	assert.Equal(t, Warning, result.Outcome)
	assert.Contains(t, result.Message, "seem to be exchanged")
	assert.Equal(t, OK, only(t, checkIdentity(merchant(protocol.ExampleAppID, protocol.ExampleMerchantNo), false), "app_id").Outcome)
}
