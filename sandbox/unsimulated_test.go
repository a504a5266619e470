package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Calls of interfaces that the sandbox does not simulate are checked like any other, and then refused with a code of
// the sandbox's own.
func TestNotSimulated(t *testing.T) {
	g := newGateway(t)
	send := func(name, body, signature string) result {
		r := newRequest(body, signature)
		r.URL.Path = basePath + name
		return readAnswer(t, g, serve(g, r))
	}
	for _, name := range unsimulated {
		t.Run(name, func(t *testing.T) {
			assert.NotContains(t, endpoints, name)
			body := requestBody("1.5", `{"anything":true}`)
			if name == orderConfirm {
				body = strings.Replace(requestBody("1.0", `{}`), "appId", "merchantAppId", 1)
			}
			good := signWith(t, testkeys.Merchant(), body)
			assertRefused(t, send(name, body, good), "SANDBOX_NOT_SIMULATED",
				"The envelope and the signature are right, but the sandbox does not simulate "+name+".")
			recorded := g.state().recentCalls()[0]
			assert.Equal(t, name, recorded.Endpoint)
			assert.True(t, recorded.Verified)

			assert.Equal(t, "SIGN_VERIFY_FAILED", send(name, body, signWith(t, testkeys.Stranger(), body)).Code)
			unknown := strings.Replace(body, testAppID, "x", 1)
			assert.Equal(t, "MERCHANT_APP_INVALID", send(name, unknown, good).Code)
			late := strings.Replace(body, "09:05", "09:55", 1)
			assert.Equal(t, "REQ_TIME_OVER_TIME", send(name, late, signWith(t, testkeys.Merchant(), late)).Code)
			other := `{"version":"1.5"}`
			assert.Equal(t, "PARAMS_INVALID", send(name, other, signWith(t, testkeys.Merchant(), other)).Code)
		})
	}
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(unsimulated))), len(unsimulated), "each is listed once")

	// Faults strike them as well.
	put := `{"endpoint":"subscriptionCreate","fault":"throttle"}`
	assert.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPut, "faults", put).Code)
	body := requestBody("1.5", `{}`)
	assert.Equal(t, "TOO_MANY_REQUEST", send("subscriptionCreate", body, signWith(t, testkeys.Merchant(), body)).Code)
}

// merchantAppId names the application for orderConfirm, and for no other interface.
func TestAppIDMember(t *testing.T) {
	g := strictGateway(t)
	for name, member := range map[string]string{"orderConfirm": "merchantAppId", "orderQuery": "appId", "capture": "appId", "caseSearch": "appId"} {
		for _, sent := range []string{"merchantAppId", "appId"} {
			body := strings.Replace(requestBody("1.4", `{}`), "appId", sent, 1)
			r := newRequest(body, signWith(t, testkeys.Merchant(), body))
			r.URL.Path = basePath + name
			msg := readAnswer(t, g, serve(g, r)).Msg
			if sent == member {
				assert.NotContains(t, msg, "ppId", name)
			} else {
				assert.Equal(t, member+" is invalid,because "+member+" is null.", msg, name)
			}
		}
	}
}

// An order of the direct API is distinguished from one that lacks a component's tokens. These are the ways to pay in
// the examples of its page and of the guides.
func TestDirectOrdersAreNotSimulated(t *testing.T) {
	g := closing(t, newGateway(t))
	buyer := fields{"clientIp": "59.82.59.92", "userAgent": "Chrome"}
	for _, detail := range []fields{
		{"paymentMethodType": "CARD", "cardInfo": fields{"cardIdentifierNo": "4111111111111111"}, "buyerInfo": buyer},
		{"paymentMethodType": "GOOGLEPAY", "googlePayDetails": fields{}, "buyerInfo": buyer},
		{"paymentMethodType": "APPLEPAY", "applePayPaymentData": fields{}, "buyerInfo": buyer},
		{"paymentMethodType": "ONE_TOUCH", "targetOrg": "NAVERPAY"}, // without buyerInfo, as for wallets
		{"cardInfo": fields{}, "sessionKey": "", "paymentToken": ""},
	} {
		res := call(t, g, "orderAndPay", orderFields("").with(fields{"paymentDetail": detail}).String())
		assert.Equal(t, "SANDBOX_NOT_SIMULATED", res.Code, res.Msg)
		assert.Contains(t, res.Msg, "does not simulate orders of the direct API. It knows integrate Hosted_Checkout, and Direct_Payment with")
	}
	lacking := detailFields("x").with(fields{"paymentMethodType": "CARD", "paymentToken": nil})
	res := call(t, g, "orderAndPay", orderFields("").with(fields{"paymentDetail": lacking}).String())
	assertRefused(t, res, "PARAMS_INVALID", "paymentToken is invalid,because paymentToken is null.")
}
