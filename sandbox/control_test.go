package sandbox

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func TestScheduledFaults(t *testing.T) {
	g := newGateway(t)
	put := func(body string) {
		t.Helper()
		w := sendControl(g, http.MethodPut, "faults", body)
		require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	}
	put(`{"endpoint":"orderQuery","fault":"code=SYSTEM_ERROR","times":2}`)
	put(`{"fault":"throttle"}`)
	assert.JSONEq(t, `[{"endpoint":"orderQuery","fault":"code=SYSTEM_ERROR","times":2},{"endpoint":"","fault":"throttle","times":1}]`,
		sendControl(g, http.MethodGet, "faults", "").Body.String())

	code := func(endpoint string) string { return call(t, g, endpoint, `{}`).Code }
	assert.Equal(t, "SYSTEM_ERROR", code("orderQuery"))
	assert.Equal(t, "TOO_MANY_REQUEST", code("refundQuery"))
	assert.Equal(t, "PARAMS_INVALID", code("refundQuery"))
	assert.Equal(t, "SYSTEM_ERROR", code("orderQuery"))
	assert.Equal(t, "PARAMS_INVALID", code("orderQuery"))
	assert.JSONEq(t, `[]`, sendControl(g, http.MethodGet, "faults", "").Body.String())

	put(`{"fault":"throttle","times":1000000}`)
	assert.Equal(t, http.StatusNoContent, sendControl(g, http.MethodDelete, "faults", "").Code)
	assert.Equal(t, "PARAMS_INVALID", code("orderQuery"))
}

func TestPutFaultRefusals(t *testing.T) {
	g := newGateway(t)
	for body, want := range map[string]string{
		``:                                    "must be a JSON object",
		`{`:                                   "the body must be a JSON object: unexpected EOF",
		`{fault:reset}`:                       "the body must be a JSON object: invalid character 'f'",
		`[]`:                                  "must be a JSON object",
		`{"fault":"reset","time":1}`:          `unknown field "time"`,
		`{"fault":"reset","times":-1}`:        "times: must be from 1 to 1000000",
		`{"fault":"reset","times":1000001}`:   "times: must be from 1 to 1000000",
		`{"fault":"nonsense"}`:                `fault: "nonsense" is not one of`,
		`{"endpoint":"x","fault":"reset"}`:    `endpoint: "x" is not served`,
		strings.Repeat(" ", maxControlBody+1): "too large",
	} {
		w := sendControl(g, http.MethodPut, "faults", body)
		assert.Equal(t, http.StatusBadRequest, w.Code, want)
		assert.Contains(t, w.Body.String(), want)
	}
	for range maxScheduled {
		require.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPut, "faults", `{"fault":"reset"}`).Code)
	}
	w := sendControl(g, http.MethodPut, "faults", `{"fault":"reset"}`)
	assert.Contains(t, w.Body.String(), "too many faults are pending")
}

func TestCallsAsData(t *testing.T) {
	g := newGateway(t)
	serve(g, httptest.NewRequest(http.MethodGet, "/elsewhere", nil))
	signature := signWith(t, testkeys.Merchant(), validBody)
	serve(g, newRequest(validBody+" ", signature))
	good := serve(g, newRequest(validBody, signature))

	var calls []map[string]any
	require.NoError(t, json.Unmarshal(sendControl(g, http.MethodGet, "calls", "").Body.Bytes(), &calls))
	require.Len(t, calls, 3)
	assert.Equal(t, map[string]any{
		"id": 3.0, "time": "2022-01-17T09:05:52.194Z", "endpoint": "applyDropinSession", "appId": testAppID,
		"merchantNo": testMerchantNo, "verified": true, "status": 200.0, "code": "APPLY_SUCCESS", "msg": "Success.",
		"sign": signature, "body": validBody, "answerSign": good.Header().Get("sign"), "answer": good.Body.String(),
	}, calls[0])
	assert.Equal(t, false, calls[1]["verified"])
	assert.Equal(t, "the signature is not that of these bytes by the registered key", calls[1]["unverified"])
	assert.Equal(t, "SIGN_VERIFY_FAILED", calls[1]["code"])
	assert.Equal(t, 404.0, calls[2]["status"])
	assert.NotContains(t, calls[2], "unverified")
}

// A developer can find out why a call was refused with SIGN_VERIFY_FAILED.
func TestWhyNotVerified(t *testing.T) {
	good := signWith(t, testkeys.Merchant(), validBody)
	for _, tt := range []struct {
		body  string
		signs []string
		want  string
	}{
		{validBody, []string{good}, ""},
		{validBody, nil, "there is no sign header"},
		{validBody, []string{good, good}, "there are 2 sign headers"},
		{validBody, []string{good[:76] + "\n" + good[76:]}, "the sign header is not one line of standard base64 with padding"},
		{validBody, []string{"sign"}, "the signature is not that of these bytes by the registered key"},
		{strings.Replace(validBody, `"keyVersion":"1"`, `"keyVersion":"2"`, 1), []string{good}, `keyVersion is "2", the registered key has "1"`},
		{strings.Replace(validBody, testAppID, "x", 1), []string{good}, "no merchant is registered with this appId"},
		{strings.Replace(validBody, testMerchantNo, "x", 1), []string{good}, "merchantNo is not the one that is registered with this appId"},
		{"{}", []string{good}, "version is invalid,because version is null."},
	} {
		g := newGateway(t)
		var seen Call
		g.OnCall = func(c Call) { seen = c }
		serve(g, newRequest(tt.body, tt.signs...))
		assert.Equal(t, tt.want, seen.Unverified)
		assert.Equal(t, tt.want == "", seen.Verified)
	}
}

func TestKey(t *testing.T) {
	g := newGateway(t)
	w := sendControl(g, http.MethodGet, "key", "")
	assert.Equal(t, "application/x-pem-file", w.Header().Get("Content-Type"))
	block, rest := pem.Decode(w.Body.Bytes())
	require.NotNil(t, block)
	assert.Empty(t, rest)
	assert.Equal(t, "PUBLIC KEY", block.Type)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	assert.Equal(t, g.PublicKey(), key)
}

func TestReset(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	session := openSession(t, g)
	order := pay(t, g, fields{"notifyUrl": s.URL, "subject": "3DS"})
	pay(t, g, fields{"outTradeNo": "P2", "notifyUrl": s.URL})
	s.wait(t, 1)
	sendControl(g, http.MethodPut, "faults", `{"endpoint":"refund","fault":"reset"}`)

	require.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPost, "reset", "").Code)
	for _, list := range []string{"calls", "notifications", "faults"} {
		assert.JSONEq(t, `[]`, sendControl(g, http.MethodGet, list, "").Body.String(), list)
	}
	assert.Equal(t, http.StatusNotFound, visit(g, order, "").Code)
	assert.Equal(t, "ORDER_NOT_EXIST", call(t, g, "orderQuery", `{"outTradeNo":"P2"}`).Code)
	assert.Equal(t, "PARAMS_INVALID", call(t, g, "orderAndPay", orderFields(session).String()).Code)
	pay(t, g, fields{"outTradeNo": "P2", "notifyUrl": s.URL})
	s.wait(t, 2)
}

func TestControlRefusals(t *testing.T) {
	g := newGateway(t)
	g.OnCall = func(Call) { t.Error("OnCall must not see calls of the control API") }
	for _, path := range []string{"x", "calls/", "3ds", "../sandbox/calls"} {
		assert.Equal(t, http.StatusNotFound, sendControl(g, http.MethodGet, path, "").Code, path)
	}
	for _, tt := range []struct{ method, path, allow string }{
		{http.MethodPost, "", "GET"}, {http.MethodPost, "calls", "GET"}, {http.MethodGet, "reset", "POST"},
		{http.MethodPost, "faults", "DELETE GET PUT"},
	} {
		w := sendControl(g, tt.method, tt.path, "")
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code, tt.path)
		assert.ElementsMatch(t, strings.Fields(tt.allow), w.Header().Values("Allow"))
	}
	assert.Equal(t, http.StatusOK, sendControl(g, http.MethodHead, "calls", "").Code)
	assert.Empty(t, g.state().recentCalls(), "and is not among the calls")

	// Another site's page cannot make a browser reset the sandbox.
	r := httptest.NewRequest(http.MethodPost, "/sandbox/reset", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, serve(g, r).Code)
}

// The page's URL also works without the trailing slash.
func TestPageWithoutSlash(t *testing.T) {
	g := newGateway(t)
	g.OnCall = func(Call) { t.Error("OnCall must not see requests for the page") }
	w := serve(g, httptest.NewRequest(http.MethodGet, "/sandbox", nil))
	assert.Equal(t, http.StatusTemporaryRedirect, w.Code)
	assert.Equal(t, "/sandbox/", w.Header().Get("Location"))
	for path, control := range map[string]bool{"/sandbox": true, "/sandbox/": true, "/sandbox/calls": true, "/sandboxes": false, "/": false, basePath + "refund": false} {
		assert.Equal(t, control, IsControl(path), path)
	}

	g.NoControl = true
	assert.Equal(t, http.StatusNotFound, serve(g, httptest.NewRequest(http.MethodGet, "/sandbox", nil)).Code)
}

// A control request is one JSON object, and the answer says what is wrong with it in terms of its members.
func TestControlBodies(t *testing.T) {
	g := newGateway(t)
	for body, says := range map[string]string{
		``:                     "must be a JSON object",
		`[]`:                   "must be a JSON object",
		`"x"`:                  "must be a JSON object",
		`{"outTradeNo":1}`:     "outTradeNo: must be a string, but is a number",
		`{"outTradeno1":"P1"}`: "outTradeno1",
		`{"outTradeNo":"P1","status":"SUCCESS"}{}`: "nothing after it",
		`{"outTradeNo":"P1","status":"SUCCESS"}x`:  "nothing after it",
		`{"outTradeNo":"P1","status":"SUCCESS"}`:   "there is no such order",
		`{`:                                        "unexpected EOF",
		`null`:                                     "name either an outTradeNo or an outRefundNo",
	} {
		w := sendControl(g, http.MethodPost, "settle", body)
		assert.Equal(t, http.StatusBadRequest, w.Code, body)
		assert.Contains(t, w.Body.String(), says, body)
		assert.NotContains(t, w.Body.String(), "Go ", body)
	}
	w := sendControl(g, http.MethodPut, "faults", `{"endpoint":"refund","fault":"reset","times":1e9}`)
	assert.Contains(t, w.Body.String(), "times: must be a whole number, but is a number 1e9")
	assert.JSONEq(t, `[]`, sendControl(g, http.MethodGet, "faults", "").Body.String())
}

func TestNoControl(t *testing.T) {
	g := closing(t, newGateway(t))
	g.NoControl = true
	for path := range control {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
			assert.Equal(t, http.StatusNotFound, sendControl(g, method, path, "").Code, method+" "+path)
		}
	}
	r := callRequest(t, g, "orderQuery", `{}`)
	r.Header.Set("Sandbox-Fault", "throttle")
	assert.Equal(t, "PARAMS_INVALID", readAnswer(t, g, serve(g, r)).Code)

	order := pay(t, g, fields{"subject": "3DS"})
	assert.Equal(t, http.StatusOK, visit(g, order, "SUCCESS").Code, "the challenge is a part of the payment")
	assert.Equal(t, "SUCCESS", orderStatus(t, g))
	assert.Equal(t, http.StatusOK, sendControl(g, http.MethodPost, "dropin/session", `{}`).Code, "and so is the component")
}

// The package's documentation names every path and method of the control API.
func TestControlIsDocumented(t *testing.T) {
	for path, methods := range control {
		for method := range methods {
			if path != "live" { // for the page's script only
				assert.Contains(t, packageDoc(t), fmt.Sprintf("%-6s /sandbox/%s", method, path))
			}
		}
	}
}
