package e2e

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// signBlock returns a payermax_sign directive with both keys.
func signBlock(t *testing.T) string {
	return "payermax_sign {\n" + handlerOptions(t) + "\ngateway_public_key " + testkeys.WritePublic(t, &testkeys.Gateway().PublicKey) + "\n}\n"
}

// The parts of the payermax directive, written by hand, work like the directive.
func TestSignByHand(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{site: signBlock(t) + "reverse_proxy " + gateway.url() + " {\ntransport payermax\n}"})

	block, user := data()
	requireSuccess(t, s.post(t, `{"data":`+block+`}`, "Connection: sign", "sign: x", "Cookie: a=b"))
	require.Len(t, gateway.about(user), 1)
	requireRefusal(t, s.post(t, "{}"), http.StatusBadRequest, "PARAMS_INVALID")
	requireRefusal(t, s.send(t, requestWith("POST /other HTTP/1.1", validBody())), http.StatusNotFound, "NOT_FOUND")
	require.Len(t, gateway.received(), 1)
}

// Even a stock reverse proxy sends one valid signature, besides the fields that it always adds.
func TestSignWithStockProxy(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	gateway.lenient = true
	s := startSidecar(t, setup{site: signBlock(t) + "reverse_proxy " + gateway.url() + " {\n" + retryEagerly + "\n}", globals: withoutFields})
	for _, fields := range [][]string{nil, {"Connection: sign"}, {"sign: x"}, {"Connection: close, Sign, Content-Type", "SIGN: y"}} {
		block, user := data()
		requireSuccess(t, s.post(t, `{"data":`+block+`}`, fields...))
		require.Len(t, gateway.about(user), 1)
	}

	// If told to retry, it sends the header again, but without a second body, so there is no second
	// payment.
	gateway.answers(closing(nil))
	block, user := data()
	res := s.post(t, `{"data":`+block+`}`, "Idempotency-Key: x")
	requireRefusal(t, res, http.StatusBadGateway, "REQUEST_TIMEOUT")
	require.Len(t, gateway.about(user), 1, "sent more than once")
}

// The transport sends only what was signed.
func TestTransportAlone(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{site: "reverse_proxy " + gateway.url() + " {\ntransport payermax\n}"})

	for _, fields := range [][]string{nil, {"sign: x"}, {"Idempotency-Key: x"}} {
		res := s.post(t, validBody(), fields...)
		assert.Equal(t, http.StatusBadGateway, res.status)
	}
	res := s.send(t, requestWith("PUT "+endpointPath+" HTTP/1.1", validBody()))
	assert.Equal(t, http.StatusBadGateway, res.status)
	gateway.requireUntouched(t)
}

// With several gateways, the next one is tried only if the first cannot have received the call.
func TestSeveralGateways(t *testing.T) {
	t.Parallel()
	first, second, dead := newUpstream(t), newUpstream(t), newUpstream(t)
	dead.close()
	site := func(upstreams ...*upstream) string {
		to := ""
		for _, u := range upstreams {
			to += " " + u.url()
		}
		return signBlock(t) + "reverse_proxy" + to + " {\ntransport payermax\nlb_policy first\nfail_duration 1m\n" + retryEagerly + "\n}"
	}

	t.Run("first refuses connections", func(t *testing.T) {
		s := startSidecar(t, setup{site: site(dead, second)})
		block, user := data()
		requireSuccess(t, s.post(t, `{"data":`+block+`}`))
		require.Len(t, second.about(user), 1)
	})
	t.Run("first breaks off", func(t *testing.T) {
		first.answers(closing(nil))
		s := startSidecar(t, setup{site: site(first, second)})
		block, user := data()
		res := s.post(t, `{"data":`+block+`}`, "Idempotency-Key: x")
		requireRefusal(t, res, http.StatusBadGateway, "REQUEST_TIMEOUT")
		require.Len(t, first.about(user), 1)
		require.Empty(t, second.about(user), "the payment was sent to two gateways")
	})
}

// The sandbox in another process is a gateway like PayerMax's.
func TestSandboxSite(t *testing.T) {
	t.Parallel()
	sandbox := startSidecar(t, setup{site: "payermax_sandbox {\nprivate_key " + testkeys.WritePrivate(t, testkeys.Gateway()) +
		"\nmerchant {\napp_id " + appID + "\nmerchant_no " + merchantNo + "\npublic_key " + testkeys.WritePublic(t, &testkeys.Merchant().PublicKey) + "\n}\n}"})
	s := startSidecar(t, setup{gateway: "http://" + sandbox.addr})

	res := s.post(t, validBody(), "Connection: sign", "sign: x")
	requireSession(t, res)
	require.NoError(t, verify(&testkeys.Gateway().PublicKey, res.body, res.header.Get("Sign")))
	require.Equal(t, `caddy-payermax; received-status=200; details="answer verified"; sandbox`, res.header.Get("Proxy-Status"))
	require.Equal(t, []string{"Caddy"}, res.header["Server"], "the gateway's own does not pass")
	s.AwaitLine(t, `"level":"warn"`, "the gateway calls itself a sandbox")
	sandbox.AwaitLine(t, `"level":"warn"`, "a sandbox answers at this site")

	// It refuses what the sidecar would never send.
	direct := sandbox.post(t, `{"version":"1.5","keyVersion":"1","requestTime":"`+time.Now().UTC().Format("2006-01-02T15:04:05.000-07:00")+
		`","appId":"`+appID+`","merchantNo":"`+merchantNo+`","data":{}}`, "sign: "+sign(testkeys.Stranger(), []byte("x")))
	require.Equal(t, http.StatusOK, direct.status)
	require.Contains(t, string(direct.body), "SIGN_VERIFY_FAILED")
}

// With the sandbox in the same process, nothing else is needed.
func TestSandboxInside(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]string{
		"no options":  "payermax {\ngateway sandbox\n}",
		"own key":     "payermax {\ngateway sandbox sandbox\n" + handlerOptions(t) + "\n}",
		"version 1.6": "payermax {\ngateway sandbox\nversion 1.6\n}",
	} {
		t.Run(name, func(t *testing.T) {
			s := startSidecar(t, setup{site: site})
			block, _ := data()
			if name == "version 1.6" {
				block = `{"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}`
			}
			res := s.post(t, `{"data":`+block+`}`)
			requireSession(t, res)
			require.Equal(t, `caddy-payermax; received-status=200; details="answer verified"; sandbox`, res.header.Get("Proxy-Status"))
			refused := s.post(t, `{"data":{}}`)
			require.Equal(t, http.StatusBadRequest, refused.status)
			require.Equal(t, `caddy-payermax; error=http_request_error; details="PARAMS_INVALID"; sandbox`, refused.header.Get("Proxy-Status"))
			s.AwaitLine(t, `"msg":"call"`, `"sandbox":true`, res.header.Get("Payermax-Request-Id"))
			s.AwaitLine(t, `"level":"warn"`, "the sandbox answers")
			s.NeverPrints("gateway_public_key is not configured")
		})
	}
}

// requireSession checks a successful answer of the sandbox.
func requireSession(t *testing.T, res *response) {
	t.Helper()
	require.Equal(t, http.StatusOK, res.status, "%s", res.raw)
	var answer struct {
		Code string
		Data struct{ ClientKey, SessionKey string }
	}
	require.NoError(t, json.Unmarshal(res.body, &answer))
	require.Equal(t, "APPLY_SUCCESS", answer.Code, "%s", res.body)
	require.NotEmpty(t, answer.Data.ClientKey)
	require.NotEmpty(t, answer.Data.SessionKey)
	require.Len(t, res.header["Sign"], 1)
	require.Equal(t, strconv.Itoa(len(res.body)), res.header.Get("Content-Length"))
}
