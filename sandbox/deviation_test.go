package sandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// What PayerMax's SDKs, plugins and examples send is accepted, and the page lists the deviations. A strict gateway
// refuses it.
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
		{"PHP SDK's version", "applyDropinSession", session("1.2", `,"totalAmount":"10"`), "version 1.2 instead of 1.1 or 1.4 or 1.5 or 1.6"},
		{"a later version", "applyDropinSession", session("1.10", `,"totalAmount":1`), "version 1.10 instead of 1.1 or 1.4 or 1.5 or 1.6"},
		{"WooCommerce plugin's envelope", "applyDropinSession", replace(`"appId"`, `"merchantAppId"`), "merchantAppId instead of appId, as in version 1.0"},
		{"duplicate in data", "applyDropinSession", session("1.6", `,"userId":"U10001"`), "an object has two members with one name, of which the last is used"},
		{"duplicate in an object of data", "applyDropinSession", session("1.6", `,"x":[{"a":1,"\u0061":1}]`), "an object has two members with one name, of which the last is used"},
		{"duplicate in the envelope", "applyDropinSession", replace(`{`, `{"keyVersion":"1",`), "an object has two members with one name, of which the last is used"},
		{"another merchantAppId", "applyDropinSession", replace(`{`, `{"merchantAppId":"A2",`), "merchantAppId differs from appId, which is used"},
		{"country of nobody", "applyDropinSession", strings.Replace(session("1.6", ``), `"US"`, `"UN"`, 1), "country UN, which only orders may have"},
		{"English page's example", "applyDropinSession", session("1.5", ``), "totalAmount is missing, as in the page's own example"},
		{"Java SDK's class", "applyDropinSession", session("1.6", `,"tokenForFutureUse":"true"`), "tokenForFutureUse is a string instead of a boolean"},
		{"READMEs of the SDKs", "orderAndPay", requestBody("1.4", order+`}`), "integrate is missing and read as Hosted_Checkout"},
		{"Java SDK's TradeOrderRequest", "orderAndPay", requestBody("1.4", order+`,"integrate":"Hosted_Checkout","frontCallbackURL":"https://shop.example"}`),
			"frontCallbackURL instead of frontCallbackUrl"},
		{"another frontCallbackURL", "orderAndPay", requestBody("1.4", order+`,"integrate":"Hosted_Checkout","frontCallbackUrl":"https://a","frontCallbackURL":"https://b"}`),
			"frontCallbackURL differs from frontCallbackUrl, which is used"},
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
					assert.Contains(t, []string{"PARAMS_INVALID", "COUNTRY_INVALID"}, res.Code)
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
	// A request that follows the pages has no deviations.
	g := closing(t, newGateway(t))
	ask(t, g, validBody)
	assert.Empty(t, g.state().recentCalls()[0].Deviations)
	for _, version := range []string{"1", "1.x", "v1.5", "1.5.0.0", "-1.5"} {
		assert.Contains(t, ask(t, g, requestBody(version, validData)).Msg, "version must be", version)
	}
}

// A body is read as UTF-8, whatever its Content-Type says.
func TestCharsetDeviates(t *testing.T) {
	for charset, deviates := range map[string]bool{"utf-8": false, "UTF8": false, "GBK": true} {
		for _, strict := range []bool{false, true} {
			g := newGateway(t)
			g.Strict = strict
			r := newRequest(validBody, signWith(t, testkeys.Merchant(), validBody))
			r.Header.Set("Content-Type", "application/json; charset="+charset)
			res := readAnswer(t, g, serve(g, r))
			assert.Equal(t, strict && deviates, res.Code == "PARAMS_INVALID", charset)
			assert.Equal(t, !strict && deviates, len(g.state().recentCalls()[0].Deviations) == 1, charset)
		}
	}
}

// A strict gateway accepts whatever any page documents. It refuses duplicate members, but accepts lone surrogates,
// which only look invalid.
func TestStrictTakesWhatAnyPageHas(t *testing.T) {
	g := closing(t, strictGateway(t))
	for _, data := range []string{
		`{"totalAmount":"10000","currency":"IDR","country":"ID","userId":"U10001"}`,
		`{"totalAmount":1,"currency":"IDR","country":"ID","userId":"\ud800"}`,
	} {
		must(t, g, "applyDropinSession", data)
	}
	must(t, g, "orderAndPay", `{"outTradeNo":"P1","integrate":"Hosted_Checkout","subject":"s","totalAmount":"10","currency":"USD","country":"UN","userId":"U1"}`)
	assert.Empty(t, g.state().recentCalls()[0].Deviations)
}

// An optional member with the value "" counts as absent, whatever its type.
func TestEmptyIsAbsent(t *testing.T) {
	g := closing(t, newGateway(t))
	const session = `"currency":"IDR","country":"ID","userId":"U10001"`
	for _, name := range []string{"totalAmount", "mitType", "referralCode", "tokenForFutureUse", "componentList", "captureMode", "authorizationType"} {
		must(t, g, "applyDropinSession", `{`+session+`,"`+name+`":""}`)
	}
	for i, name := range []string{"country", "terminalType", "paymentDetail", "captureMode", "expireTime", "frontCallbackUrl", "integrate", "notifyUrl"} {
		order := orderFields("").with(fields{"outTradeNo": "P" + string(rune('A'+i)), "integrate": "Hosted_Checkout", "paymentDetail": nil, name: ""})
		must(t, g, "orderAndPay", order.String())
	}
	for i, name := range []string{"tokenForFutureUse", "merchantInitiated", "mitType", "paymentTokenID", "paymentMethodType"} {
		detail := detailFields(openSession(t, g)).with(fields{name: ""})
		must(t, g, "orderAndPay", orderFields("").with(fields{"outTradeNo": "Q" + string(rune('A'+i)), "paymentDetail": detail}).String())
	}
	pay(t, g, nil)
	refund := must(t, g, "refund", refundFields(10).with(fields{"tradeToken": "", "comments": ""}).String())
	must(t, g, "refundQuery", fields{"outRefundNo": "", "refundTradeNo": refund["refundTradeNo"]}.String())

	// Required members are still required.
	for _, name := range []string{"terminalType", "paymentDetail"} {
		res := call(t, g, "orderAndPay", orderFields(openSession(t, g)).with(fields{"outTradeNo": "P2", name: ""}).String())
		assertRefused(t, res, "PARAMS_INVALID", name+" is invalid,because "+name+" is null.")
	}
	res := call(t, g, "orderAndPay", orderFields(openSession(t, g)).with(fields{"authorizationType": "FINAL_AUTH", "captureMode": ""}).String())
	assertRefused(t, res, "PARAMS_INVALID", "captureMode is invalid,because captureMode is null.")
}
