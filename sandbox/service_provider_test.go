package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

const (
	testProvider  = "SP18440851"
	testAuthToken = "c9f0f895fb98ab9159f51fd0297e236d"
)

// newProvider returns a gateway that knows one merchant: a service provider.
func newProvider(t testing.TB) *Gateway {
	t.Helper()
	g, err := New(testkeys.Gateway(), Merchant{
		AppID: testAppID, MerchantNo: "its own", SPMerchantNo: testProvider, MerchantAuthToken: testAuthToken,
		PublicKey: &testkeys.Merchant().PublicKey,
	})
	require.NoError(t, err)
	g.Clock = newGateway(t).Clock
	return g
}

// providerBody is a valid request, for the sub-merchant testMerchantNo.
var providerBody = strings.Replace(validBody, `"data"`, `"spMerchantNo":"`+testProvider+`","data"`, 1)

func TestServiceProvider(t *testing.T) {
	const (
		offline  = "The merchant has been offline."
		noNumber = "spMerchantNo is invalid,because spMerchantNo is null."
		noToken  = "merchant_auth_token is invalid,because merchant_auth_token is null."
	)
	replace := func(old, new string) string { return strings.Replace(providerBody, old, new, 1) }
	for _, tt := range []struct {
		name   string
		body   string
		header map[string][]string

		code, msg, why string
	}{
		{"complete", providerBody, map[string][]string{"Merchant_auth_token": {testAuthToken}}, "", "", ""},
		{"as it is written, from within the process", providerBody, map[string][]string{"merchant_auth_token": {testAuthToken}}, "", "", ""},
		{"another sub-merchant", replace(testMerchantNo, "020213827212252"), map[string][]string{"Merchant_auth_token": {testAuthToken}}, "", "", ""},
		{"no sub-merchant", replace(`"merchantNo":"`+testMerchantNo+`",`, ""), map[string][]string{"Merchant_auth_token": {testAuthToken}}, "", "", ""},

		{"no spMerchantNo", validBody, map[string][]string{"Merchant_auth_token": {testAuthToken}}, "PARAMS_INVALID", noNumber, "spMerchantNo is missing, which the requests of a service provider need"},
		{"empty spMerchantNo", replace(testProvider, ""), map[string][]string{"Merchant_auth_token": {testAuthToken}}, "PARAMS_INVALID", noNumber, "spMerchantNo is missing, which the requests of a service provider need"},
		{"number spMerchantNo", replace(`"`+testProvider+`"`, "1"), map[string][]string{"Merchant_auth_token": {testAuthToken}}, "PARAMS_INVALID", "spMerchantNo must be string , but your input is number.", "spMerchantNo must be string , but your input is number."},
		{"other spMerchantNo", replace(testProvider, "SP18440852"), map[string][]string{"Merchant_auth_token": {testAuthToken}}, "MERCHANT_INVALID", offline, "spMerchantNo is not the one that is registered with this appId"},

		{"no token", providerBody, nil, "PARAMS_INVALID", noToken, "the header merchant_auth_token is missing"},
		{"empty token", providerBody, map[string][]string{"Merchant_auth_token": {""}}, "PARAMS_INVALID", noToken, "the header merchant_auth_token is missing"},
		{"the SDKs' name", providerBody, map[string][]string{"Merchantauthtoken": {testAuthToken}}, "PARAMS_INVALID", noToken, "the header merchant_auth_token is missing; Merchantauthtoken is not how it is spelt"},
		{"hyphens", providerBody, map[string][]string{"Merchant-Auth-Token": {testAuthToken}}, "PARAMS_INVALID", noToken, "the header merchant_auth_token is missing; Merchant-Auth-Token is not how it is spelt"},
		{"other token", providerBody, map[string][]string{"Merchant_auth_token": {testAuthToken[1:]}}, "MERCHANT_INVALID", offline, "the header merchant_auth_token is not the registered token"},
		{"other case", providerBody, map[string][]string{"Merchant_auth_token": {strings.ToUpper(testAuthToken)}}, "MERCHANT_INVALID", offline, "the header merchant_auth_token is not the registered token"},
		{"longer token", providerBody, map[string][]string{"Merchant_auth_token": {testAuthToken + "0"}}, "MERCHANT_INVALID", offline, "the header merchant_auth_token is not the registered token"},
		{"token twice", providerBody, map[string][]string{"Merchant_auth_token": {testAuthToken, testAuthToken}}, "MERCHANT_INVALID", offline, "there are 2 headers merchant_auth_token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newProvider(t)
			r := newRequest(tt.body, signWith(t, testkeys.Merchant(), tt.body))
			for name, values := range tt.header {
				r.Header[name] = values
			}
			res := readAnswer(t, g, serve(g, r))
			recorded := g.state().recentCalls()[0]
			if tt.code == "" {
				assert.Equal(t, "APPLY_SUCCESS", res.Code, res.Msg)
				assert.True(t, recorded.Verified)
			} else {
				assertRefused(t, res, tt.code, tt.msg)
				assert.False(t, recorded.Verified)
			}
			assert.Equal(t, tt.why, recorded.Unverified)

			// The token is never shown, whatever was wrong.
			page := sendControl(g, http.MethodGet, "", "").Body.String()
			assert.Contains(t, page, tt.why)
			for _, shown := range []string{page, sendControl(g, http.MethodGet, "calls", "").Body.String(), res.Msg} {
				assert.NotContains(t, strings.ToLower(shown), testAuthToken[1:])
			}
		})
	}
}

// Over the wire, the case of the header's name does not matter, but its underscores do.
func TestServiceProviderOverTheWire(t *testing.T) {
	g := newProvider(t)
	server := httptest.NewServer(g)
	defer server.Close()
	for name, want := range map[string]string{
		"merchant_auth_token": "APPLY_SUCCESS", "MERCHANT_AUTH_TOKEN": "APPLY_SUCCESS",
		"merchantAuthToken": "PARAMS_INVALID", "merchant-auth-token": "PARAMS_INVALID",
	} {
		r, err := http.NewRequest(http.MethodPost, server.URL+testPath, strings.NewReader(providerBody))
		require.NoError(t, err)
		r.Header = http.Header{
			"Content-Type": {"application/json"}, "sign": {signWith(t, testkeys.Merchant(), providerBody)}, name: {testAuthToken},
		}
		resp, err := server.Client().Do(r)
		require.NoError(t, err)
		var res result
		assert.NoError(t, json.NewDecoder(resp.Body).Decode(&res))
		assert.NoError(t, resp.Body.Close())
		assert.Equal(t, want, res.Code, name)
	}
}

// A token does not replace a signature.
func TestServiceProviderNeedsASignature(t *testing.T) {
	g := newProvider(t)
	r := newRequest(providerBody, signWith(t, testkeys.Stranger(), providerBody))
	r.Header.Set("merchant_auth_token", testAuthToken)
	assert.Equal(t, "SIGN_VERIFY_FAILED", readAnswer(t, g, serve(g, r)).Code)
}

// The number and the token are each required only of a merchant that is registered with it.
func TestHalfAServiceProvider(t *testing.T) {
	for _, tt := range []struct {
		name     string
		merchant Merchant
		body     string
		token    string
		want     string
	}{
		{"number only", Merchant{SPMerchantNo: testProvider}, providerBody, "", "APPLY_SUCCESS"},
		{"number only, without it", Merchant{SPMerchantNo: testProvider}, validBody, testAuthToken, "PARAMS_INVALID"},
		{"token only", Merchant{MerchantAuthToken: testAuthToken}, validBody, testAuthToken, "APPLY_SUCCESS"},
		{"token only, without it", Merchant{MerchantAuthToken: testAuthToken}, providerBody, "", "PARAMS_INVALID"},
		{"neither", Merchant{}, validBody, "", "APPLY_SUCCESS"},
		{"neither, but sent", Merchant{}, providerBody, testAuthToken, "APPLY_SUCCESS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.merchant.AppID, tt.merchant.PublicKey = testAppID, &testkeys.Merchant().PublicKey
			g, err := New(testkeys.Gateway(), tt.merchant)
			require.NoError(t, err)
			g.Clock = newGateway(t).Clock
			r := newRequest(tt.body, signWith(t, testkeys.Merchant(), tt.body))
			if tt.token != "" {
				r.Header.Set("merchant_auth_token", tt.token)
			}
			assert.Equal(t, tt.want, readAnswer(t, g, serve(g, r)).Code)
		})
	}
}
