package sandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// What PayerMax's SDKs, plugins and examples send passes, and its page says what was odd about it. A strict gateway goes
// by the letter.
func TestDeviations(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(validBody, old, new, 1) }
	session := func(version, members string) string {
		return requestBody(version, `{"currency":"USD","country":"US","userId":"U10001"`+members+`}`)
	}
	const order = `{"outTradeNo":"P1","subject":"s","totalAmount":"10","currency":"USD","userId":"U1","country":"US"`
	for _, tt := range []struct{ name, endpoint, body, deviation string }{
		{"Go SDK at a full second", "applyDropinSession", replace("52.194+00:00", "52Z"), "requestTime has 0 of 3 fraction digits"},
		{"Go SDK at a tenth", "applyDropinSession", replace("52.194+00:00", "52.1Z"), "requestTime has 1 of 3 fraction digits"},
		{"Go SDK at a hundredth", "applyDropinSession", replace("52.194+00:00", "52.19Z"), "requestTime has 2 of 3 fraction digits"},
		{"PHP SDK's version", "applyDropinSession", session("1.2", `,"totalAmount":"10"`), "version 1.2, which the pages do not have: 1.1 or 1.4 or 1.5 or 1.6"},
		{"a later version", "applyDropinSession", session("1.10", `,"totalAmount":1`), "version 1.10, which the pages do not have: 1.1 or 1.4 or 1.5 or 1.6"},
		{"WooCommerce plugin's envelope", "applyDropinSession", replace(`"appId"`, `"merchantAppId"`), "merchantAppId instead of appId, as in version 1.0"},
		{"subscription guides", "applyDropinSession", session("1.5", `,"totalAmount":"10"`), "totalAmount is a string instead of a number"},
		{"English page's type", "applyDropinSession", session("1.6", `,"totalAmount":10`), "totalAmount is a number instead of a string"},
		{"English page's example", "applyDropinSession", session("1.5", ``), "there is no totalAmount, as in the page's own example"},
		{"Java SDK's class", "applyDropinSession", session("1.6", `,"tokenForFutureUse":"true"`), "tokenForFutureUse is a string instead of a boolean"},
		{"READMEs of the SDKs", "orderAndPay", requestBody("1.4", order+`}`), "there is no integrate: read as Hosted_Checkout"},
		{"Java SDK's TradeOrderRequest", "orderAndPay", requestBody("1.4", order+`,"integrate":"Hosted_Checkout","frontCallbackURL":"https://shop.example"}`),
			"frontCallbackURL instead of frontCallbackUrl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				g := closing(t, newGateway(t))
				g.Strict = strict
				var got Call
				g.OnCall = func(c Call) { got = c }
				r := newRequest(tt.body, signWith(t, testkeys.Merchant(), tt.body))
				r.URL.Path = basePath + tt.endpoint
				res := readAnswer(t, g, serve(g, r))
				if strict {
					if tt.deviation != "frontCallbackURL instead of frontCallbackUrl" {
						assert.Equal(t, "PARAMS_INVALID", res.Code)
					}
					assert.Empty(t, got.Deviations)
					continue
				}
				require.Equal(t, "APPLY_SUCCESS", res.Code, res.Msg)
				assert.Equal(t, []string{tt.deviation}, got.Deviations)
				assert.Contains(t, strings.ReplaceAll(sendControl(g, http.MethodGet, "", "").Body.String(), "&#39;", "'"), "deviation: "+tt.deviation)
				assert.Equal(t, got.Deviations, g.state().recentCalls()[0].Deviations)
			}
		})
	}
	// By the letter, nothing is odd.
	g := closing(t, newGateway(t))
	ask(t, g, validBody)
	assert.Empty(t, g.state().recentCalls()[0].Deviations)
	for _, version := range []string{"1", "1.x", "v1.5", "1.5.0.0", "-1.5"} {
		assert.Contains(t, ask(t, g, requestBody(version, validData)).Msg, "version must be", version)
	}
}
