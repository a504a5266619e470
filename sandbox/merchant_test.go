package sandbox

import (
	"crypto/rsa"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func TestMerchant(t *testing.T) {
	const (
		noKey   = "Signature key is not configured."
		offline = "The merchant has been offline."
		badSign = "The signature verify failed."
	)
	replace := func(old, new string) string { return strings.Replace(validBody, old, new, 1) }
	for _, tt := range []struct {
		name, registeredNo, registeredVersion, body, code, msg string
	}{
		{"known", testMerchantNo, "1", validBody, "APPLY_SUCCESS", "Success."},
		{"keyVersion 1 is the default", testMerchantNo, "", validBody, "APPLY_SUCCESS", "Success."},
		{"any merchantNo where none is registered", "", "1", validBody, "APPLY_SUCCESS", "Success."},
		{
			"no merchantNo", testMerchantNo, "1",
			replace(`"merchantNo":"`+testMerchantNo+`",`, ""), "APPLY_SUCCESS", "Success.",
		},
		{"null merchantNo", testMerchantNo, "1", replace(`"`+testMerchantNo+`"`, "null"), "APPLY_SUCCESS", "Success."},
		{"empty merchantNo", testMerchantNo, "1", replace(testMerchantNo, ""), "APPLY_SUCCESS", "Success."},
		{"other merchantNo", "020213827212252", "1", validBody, "MERCHANT_INVALID", offline},
		{"unknown appId", testMerchantNo, "1", replace(testAppID, "3b24"), "MERCHANT_APP_INVALID", noKey},
		{"appId in other case", testMerchantNo, "1", replace(testAppID, "3B242B56A8B64274BCC37DAC281120E3"), "MERCHANT_APP_INVALID", noKey},
		{"other keyVersion", testMerchantNo, "2", validBody, "SIGN_VERIFY_FAILED", badSign},
		{"keyVersion 2", testMerchantNo, "2", replace(`"keyVersion":"1"`, `"keyVersion":"2"`), "APPLY_SUCCESS", "Success."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := New(testkeys.Gateway(), Merchant{
				AppID: testAppID, MerchantNo: tt.registeredNo, KeyVersion: tt.registeredVersion,
				PublicKey: &testkeys.Merchant().PublicKey,
			})
			require.NoError(t, err)
			g.Clock = func() time.Time { return testNow }
			res := ask(t, g, tt.body)
			assert.Equal(t, tt.code, res.Code)
			assert.Equal(t, tt.msg, res.Msg)
		})
	}
}

// One merchant's key must not be accepted for another merchant's application, at any interface.
func TestMerchantsAreApart(t *testing.T) {
	g, err := New(testkeys.Gateway(),
		Merchant{AppID: testAppID, PublicKey: &testkeys.Merchant().PublicKey},
		Merchant{AppID: "other", PublicKey: &testkeys.Stranger().PublicKey})
	require.NoError(t, err)
	g.Clock = func() time.Time { return testNow }
	names := append(slices.Sorted(maps.Keys(endpoints)), unsimulated...)
	for _, name := range names {
		body := requestBody("1.4", `{}`)
		if name == orderConfirm {
			body = strings.Replace(body, "appId", "merchantAppId", 1)
		}
		other := strings.Replace(body, testAppID, "other", 1)
		for _, tt := range []struct {
			body string
			key  *rsa.PrivateKey
			good bool
		}{
			{body, testkeys.Merchant(), true}, {body, testkeys.Stranger(), false}, {other, testkeys.Stranger(), true}, {other, testkeys.Merchant(), false},
		} {
			r := newRequest(tt.body, signWith(t, tt.key, tt.body))
			r.URL.Path = basePath + name
			res := readAnswer(t, g, serve(g, r))
			assert.Equal(t, !tt.good, res.Code == "SIGN_VERIFY_FAILED", name)
			assert.Equal(t, tt.good, g.state().recentCalls()[0].Verified, name)
		}
	}
}
