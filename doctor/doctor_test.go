package doctor

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// goodMerchant returns a merchant without any problem.
func goodMerchant(t *testing.T, name string) Merchant {
	return Merchant{
		Name: name, AppID: value("app_id", "app"), MerchantNo: value("merchant_no", "m"),
		AuthToken: value("merchant_auth_token", "canary-token"),
		Key:       fileKey(testkeys.WritePrivate(t, testkeys.Merchant())), NextKey: fileKey(testkeys.WritePrivate(t, testkeys.Next())),
		PublicKey:         value("merchant_public_key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)),
		GatewayPublicKeys: []Option{value("gateway_public_key", testkeys.WritePublic(t, &testkeys.Gateway().PublicKey))},
		QueryVersion:      "1.4",
	}
}

// outcomes lists how each check of a subject ended, in order.
func outcomes(report Report, subject string) []string {
	var list []string
	for _, r := range report {
		if r.Subject == subject {
			list = append(list, string(r.Outcome)+" "+r.Check)
		}
	}
	return list
}

func TestExamine(t *testing.T) {
	gateway := gatewayThat(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answerSigned(w, testkeys.Gateway(), `{"code":"ORDER_NOT_EXIST"}`)
	})
	setup := Setup{
		ProxyVariables: []string{"HTTPS_PROXY"},
		Handlers: []Handler{{
			Name: "payermax", Found: []Result{ok("settings", "fine")},
			Merchants: []Merchant{goodMerchant(t, "payermax")}, Gateways: []Gateway{gateway},
		}},
	}
	checked := []string{"ok settings", "ok app_id", "ok merchant_no", "ok merchant_auth_token",
		"ok private key", "ok private key self-test", "ok private key file", "ok merchant public key",
		"ok next key", "ok next key self-test", "ok next key file", "ok gateway public key"}

	t.Run("everything", func(t *testing.T) {
		report := Examine(t.Context(), setup, Options{Call: true})
		assert.Equal(t, append(checked, "ok call", "ok answer"), outcomes(report, "payermax"))
		assert.Equal(t, []string{"ok gateway", "ok address", "ok connection", "ok tls", "ok clock"}, outcomes(report, gateway.URL))
		assert.Equal(t, []string{"ok proxy variables"}, outcomes(report, "environment"))
		var text bytes.Buffer
		require.NoError(t, report.WriteText(&text, false))
		assert.NotContains(t, text.String(), "canary")
		requireSilent(t, text.String(), testkeys.Merchant(), testkeys.Next(), testkeys.Gateway())
	})
	t.Run("no call", func(t *testing.T) {
		assert.Equal(t, checked, outcomes(Examine(t.Context(), setup, Options{}), "payermax"))
	})
	t.Run("offline", func(t *testing.T) {
		setup := Setup{ProxyVariables: setup.ProxyVariables, Handlers: []Handler{{Gateways: []Gateway{{URL: "https://gateway.invalid", TLS: new(tls.Config)}}}}}
		report := Examine(t.Context(), setup, Options{Offline: true})
		assert.Equal(t, []string{"ok gateway", "not checked connection"}, outcomes(report, "https://gateway.invalid"))
		assert.Empty(t, outcomes(report, "environment"))
	})
}

// A gateway that several handlers share is checked once, unless they reach it in
// different ways.
func TestExamineChecksEachGatewayOnce(t *testing.T) {
	gateway := gatewayThat(t, func(http.ResponseWriter, *http.Request) {})
	another := gateway
	another.Via = "another transport"
	report := Examine(t.Context(), Setup{Handlers: []Handler{
		{Name: "a", Gateways: []Gateway{gateway}}, {Name: "b", Gateways: []Gateway{gateway}}, {Name: "c", Gateways: []Gateway{another}},
	}}, Options{})
	assert.Len(t, outcomes(report, gateway.URL), 2*5)
}

func TestExamineSandbox(t *testing.T) {
	report := Examine(t.Context(), Setup{Handlers: []Handler{{Name: "payermax", Sandbox: true, Merchants: []Merchant{{Name: "payermax"}}}}}, Options{Call: true})
	assert.Equal(t, []string{"ok app_id", "ok merchant_no", "ok private key", "warning gateway", "not checked call"}, outcomes(report, "payermax"))
}

// No call is made that is known to fail, and the report says so.
func TestExamineDoesNotCallInVain(t *testing.T) {
	called := func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Error("the gateway was called")
		}
	}
	gateway := gatewayThat(t, called)
	keyless, nameless := goodMerchant(t, "m"), goodMerchant(t, "m")
	keyless.Key, nameless.AppID = nil, Option{Name: "app_id"}
	for name, h := range map[string]Handler{
		"no key":        {Merchants: []Merchant{keyless}, Gateways: []Gateway{gateway}},
		"no app_id":     {Merchants: []Merchant{nameless}, Gateways: []Gateway{gateway}},
		"no gateway":    {Merchants: []Merchant{goodMerchant(t, "m")}},
		"no connection": {Merchants: []Merchant{goodMerchant(t, "m")}, Gateways: []Gateway{{URL: "http://127.0.0.1:1"}}},
		"no way":        {Merchants: []Merchant{goodMerchant(t, "m")}, Gateways: []Gateway{{URL: gateway.URL, Unchecked: "it goes by pigeon"}}},
	} {
		report := Examine(t.Context(), Setup{Handlers: []Handler{h}}, Options{Call: true})
		assert.Contains(t, outcomes(report, "m"), "not checked call", name)
	}
}

// Each merchant is checked and called separately, and another merchant's key is not
// accepted as PayerMax's, just like the merchant's own.
func TestExamineSeveralMerchants(t *testing.T) {
	first, second := goodMerchant(t, "first"), goodMerchant(t, "second")
	second.Key, second.NextKey = &Key{Source: "kms", Load: func() (crypto.Signer, error) { return distantKey{key: testkeys.Next()}, nil }}, nil
	second.PublicKey = Option{Name: "merchant_public_key"}
	second.GatewayPublicKeys = []Option{value("gateway_public_key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))}
	report := Examine(t.Context(), Setup{Handlers: []Handler{{Name: "h", Merchants: []Merchant{first, second}}}}, Options{Offline: true})
	assert.NotContains(t, outcomes(report, "first"), "problem gateway public key")
	assert.Equal(t, []string{"ok app_id", "ok merchant_no", "ok merchant_auth_token", "ok private key", "ok private key self-test",
		"not checked merchant public key", "problem gateway public key"}, outcomes(report, "second"))
}

// Two appIds with one key cause a warning; the same appId twice does not.
func TestExamineSharedKey(t *testing.T) {
	for appID, outcome := range map[string]string{"app": "", "another": "warning private key"} {
		first, second := goodMerchant(t, "first"), goodMerchant(t, "second")
		second.AppID = value("app_id", appID)
		report := Examine(t.Context(), Setup{Handlers: []Handler{{Name: "h", Merchants: []Merchant{first}}, {Name: "i", Merchants: []Merchant{second}}}}, Options{Offline: true})
		found := slices.DeleteFunc(outcomes(report, "second"), func(o string) bool { return strings.HasPrefix(o, "ok ") })
		if outcome == "" {
			assert.Empty(t, found)
		} else {
			assert.Equal(t, []string{outcome}, found)
		}
		assert.NotContains(t, strings.Join(outcomes(report, "first"), "\n"), "warning")
	}
}

func TestExamineNotifications(t *testing.T) {
	report := Examine(t.Context(), Setup{Handlers: []Handler{
		{Name: "sign", Merchants: []Merchant{goodMerchant(t, "sign")}},
		{Name: "notify", Verifies: true, GatewayPublicKeys: []Option{value("gateway_public_key", testkeys.WritePublic(t, &testkeys.Gateway().PublicKey))}},
		{Name: "wrong", Verifies: true, GatewayPublicKeys: []Option{value("gateway_public_key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))}},
	}}, Options{Offline: true})
	assert.Equal(t, []string{"ok gateway public key"}, outcomes(report, "notify"))
	assert.Equal(t, []string{"problem gateway public key"}, outcomes(report, "wrong"))
}

// The reason why a handler cannot be loaded is reported once: by the check that knows
// what to do about it, or else on its own.
func TestExamineLoadError(t *testing.T) {
	m := goodMerchant(t, "h")
	m.AppID = Option{Name: "app_id", Error: errors.New("app_id: {env.APP} is empty")}
	for text, told := range map[string]bool{"app_id: {env.APP} is empty": false, "limits: rate: must be positive": true} {
		report := Examine(t.Context(), Setup{Handlers: []Handler{{Name: "h", LoadError: errors.New(text), Merchants: []Merchant{m}}}}, Options{Offline: true})
		assert.Equal(t, told, slices.Contains(outcomes(report, "h"), "problem load"), text)
	}
}
