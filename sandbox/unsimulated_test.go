package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// What the sandbox does not simulate is judged like anything else, and then refused under a code of its own.
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

	// A fault strikes them as well.
	put := `{"endpoint":"subscriptionCreate","fault":"throttle"}`
	assert.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPut, "faults", put).Code)
	body := requestBody("1.5", `{}`)
	assert.Equal(t, "TOO_MANY_REQUEST", send("subscriptionCreate", body, signWith(t, testkeys.Merchant(), body)).Code)
}

// merchantAppId names the application for orderConfirm, and for nobody else.
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
