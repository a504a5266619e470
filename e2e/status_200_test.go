package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// With status_200, every answer has status 200 and PayerMax's format, for clients that do not
// handle other statuses: refusals, unknown outcomes and withheld answers included. Proxy-Status
// says who answered, and the log has the real status.
func TestStatus200(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	gateway.path = "/aggregate-pay/api/gateway/orderQuery"
	plain := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})
	asked := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in\nstatus_200"})
	forged := answerWith(message("200 OK", success, "Content-Type: application/json", "sign: "+sign(testkeys.Stranger(), []byte(success))))
	for name, test := range map[string]struct {
		path, body string
		reply      reply
		status     int
		code       string
	}{
		"a wrong field":         {"applyDropinSession", `{"data":{"totalAmount":1,"currency":"idr","country":"ID","userId":"U1"}}`, closing(nil), 400, "PARAMS_INVALID"},
		"an unknown endpoint":   {"pay", `{"data":{}}`, closing(nil), 404, "NOT_FOUND"},
		"another endpoint":      {"caseSearch", `{"data":{}}`, closing(nil), 403, "ENDPOINT_NOT_ENABLED"},
		"no answer":             {"orderQuery", `{"data":{"outTradeNo":"P1"}}`, closing(nil), 502, "REQUEST_TIMEOUT"},
		"a forged answer":       {"orderQuery", `{"data":{"outTradeNo":"P1"}}`, forged, 502, "CHECK_SIGN_ERROR"},
		"an unsigned refusal":   {"orderQuery", `{"data":{"outTradeNo":"P1"}}`, answerWith(message("503 Busy", `{"code":"SYSTEM_ERROR","msg":"m"}`)), 503, "SYSTEM_ERROR"},
		"PayerMax's own answer": {"orderQuery", `{"data":{"outTradeNo":"P1"}}`, answerWith(message("200 OK", success, "Content-Type: application/json", "sign: "+sign(testkeys.Gateway(), []byte(success)))), 200, "APPLY_SUCCESS"},
	} {
		gateway.answers(test.reply)
		raw := requestWith("POST /aggregate-pay/api/gateway/"+test.path+" HTTP/1.1", test.body)
		first, second := plain.send(t, raw), asked.send(t, raw)
		require.Equal(t, test.status, first.status, "%s: %s", name, first.raw)
		require.Equal(t, http.StatusOK, second.status, "%s: %s", name, second.raw)
		assert.Equal(t, string(first.body), string(second.body), name)
		assert.Equal(t, first.header.Get("Proxy-Status"), second.header.Get("Proxy-Status"), name)
		var answer struct{ Code string }
		require.NoError(t, json.Unmarshal(second.body, &answer), name)
		assert.Equal(t, test.code, answer.Code, name)
	}
	asked.AwaitLine(t, `"status":400`) // the real one
}
