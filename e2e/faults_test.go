package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// retryEagerly asks the reverse proxy to retry whatever happened. For a payment it must not do that
// once anything was sent.
const retryEagerly = `
	lb_retries 3
	lb_try_duration 2s
	lb_try_interval 20ms
	lb_retry_match {
		method POST
	}`

// requireHonest checks the sidecar's own answer about a call that got no answer. The answer hides
// the gateway's address and says correctly whether the call may have been received. The call, the
// only one with the word in it, was sent at most once. The log says the same about it.
func requireHonest(t *testing.T, s *sidecar, gateway *upstream, res *response, word string) {
	t.Helper()
	_, port, err := net.SplitHostPort(gateway.host)
	require.NoError(t, err)
	for _, address := range []string{"127.0.0.1", "localhost", ":" + port, "dial", "connection refused"} {
		assert.NotContains(t, string(res.raw), address)
	}
	calls := gateway.about(word)
	switch got := string(res.body); {
	case strings.Contains(got, `"SYSTEM_ERROR"`):
		assert.Contains(t, got, "nothing was sent")
		assert.Empty(t, calls, "it says that nothing was sent")
		s.requireLogged(t, res, "not_sent")
	case strings.Contains(got, `"REQUEST_TIMEOUT"`):
		assert.Contains(t, got, "outcome is unknown")
		assert.LessOrEqual(t, len(calls), 1, "sent more than once")
		s.requireLogged(t, res, "unknown")
	default:
		assert.Fail(t, "an answer that says nothing about the outcome", "%s", res.raw)
	}
}

// closing sends bytes and closes the connection.
func closing(raw []byte) reply {
	return func(conn net.Conn, r *request) bool {
		answerWith(raw)(conn, r)
		return false
	}
}

// stalling sends bytes and then nothing more until the other side gives up.
func stalling(raw []byte) reply {
	return func(conn net.Conn, r *request) bool {
		answerWith(raw)(conn, r)
		untilClosed(conn)
		return false
	}
}

// successAndClose sends a successful answer and then closes the connection, as the answer
// announces, so that the next call needs another one.
func successAndClose(conn net.Conn, r *request) bool {
	return closing(message("200 OK", success, typeJSON, signField(success), "Connection: close"))(conn, r)
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct{ endpoint, options string }{
		"refund":                        {"refund", ""},
		"orderAndPay, retrying eagerly": {"orderAndPay", retryEagerly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newPaymentUpstream(t)
			testFaults(t, gateway, test.endpoint, startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in\ntimeout 3s\n" + test.options}))
		})
	}
}

// testFaults puts one sidecar through everything that a gateway can do wrong with a call that moves
// money.
func testFaults(t *testing.T, gateway *upstream, endpoint string, s *sidecar) {
	whole := signed(success)
	for name, test := range map[string]struct {
		greet  func(net.Conn)
		reply  reply
		status int
		code   string // empty if it depends on how far the call got
		error  string
	}{
		"resets before reading": {greet: reset, status: 502},
		"closes before reading": {greet: func(conn net.Conn) { conn.Close() }, status: 502},
		"talks before reading":  {greet: func(conn net.Conn) { _, _ = conn.Write([]byte("220 smtp\r\n")); conn.Close() }, status: 502},
		"never reads":           {greet: func(conn net.Conn) { untilClosed(conn) }, status: 504, code: "REQUEST_TIMEOUT", error: "http_response_timeout"},
		"never answers":         {reply: stalling(nil), status: 504, code: "REQUEST_TIMEOUT", error: "http_response_timeout"},
		"resets after reading":  {reply: func(conn net.Conn, _ *request) bool { reset(conn); return false }, status: 502, code: "REQUEST_TIMEOUT", error: "connection_terminated"},
		"closes after reading":  {reply: closing(nil), status: 502, code: "REQUEST_TIMEOUT", error: "connection_terminated"},
		"half a header":         {reply: closing(whole[:40]), status: 502, code: "REQUEST_TIMEOUT"},
		"half a body":           {reply: closing(whole[:len(whole)-50]), status: 502, code: "REQUEST_TIMEOUT", error: "http_response_incomplete"},
		"half a chunked body": {reply: closing(message("200 OK", "5\r\n{\"cod", typeJSON, signField(success), "Transfer-Encoding: chunked")),
			status: 502, code: "REQUEST_TIMEOUT", error: "http_response_incomplete"},
		"stalls in the header": {reply: stalling(whole[:40]), status: 504, code: "REQUEST_TIMEOUT", error: "http_response_timeout"},
		"stalls in the body":   {reply: stalling(whole[:len(whole)-50]), status: 504, code: "REQUEST_TIMEOUT", error: "http_response_timeout"},
		"drips": {reply: func(conn net.Conn, _ *request) bool {
			for _, b := range whole {
				if _, err := conn.Write([]byte{b}); err != nil {
					break
				}
				time.Sleep(20 * time.Millisecond) // 10 s in total
			}
			return false
		}, status: 504, code: "REQUEST_TIMEOUT", error: "http_response_timeout"},
		"not HTTP":              {reply: closing([]byte("SSH-2.0-OpenSSH_9.7\r\n")), status: 502, code: "REQUEST_TIMEOUT"},
		"malformed status line": {reply: closing([]byte("HTTP/1.1 OK\r\n\r\n")), status: 502, code: "REQUEST_TIMEOUT"},
		"malformed header":      {reply: closing([]byte("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")), status: 502, code: "REQUEST_TIMEOUT"},
		"two lengths":           {reply: closing(message("200 OK", success, "Content-Length: 3", "Content-Length: 4")), status: 502, code: "REQUEST_TIMEOUT"},
		"unknown coding":        {reply: closing(message("200 OK", success, "Transfer-Encoding: gzip")), status: 502, code: "REQUEST_TIMEOUT"},
		"switches protocols":    {reply: closing([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")), status: 502, code: "REQUEST_TIMEOUT"},
		"large header":          {reply: closing(message("200 OK", success, typeJSON, signField(success), "X-Large: "+strings.Repeat("x", 200<<10))), status: 502, code: "REQUEST_TIMEOUT"},
		"large answer":          {reply: closing(signed(strings.Repeat(" ", 1<<20) + success)), status: 502, code: "REQUEST_TIMEOUT", error: "http_response_body_size"},
		"endless answer":        {reply: endless, status: 502, code: "REQUEST_TIMEOUT", error: "http_response_body_size"},
		"endless interim answers": {reply: closing([]byte(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX-A: "+strings.Repeat("x", 500)+"\r\n\r\n", 3000))),
			status: 502, code: "REQUEST_TIMEOUT"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.greets(test.greet)
			if test.reply != nil {
				gateway.answers(test.reply)
			}
			raw, number := payment(endpoint, "fault", "Idempotency-Key: x")
			res := s.send(t, raw)
			assert.Equal(t, test.status, res.status, "%s", res.raw)
			if test.code != "" {
				requireRefusal(t, res, test.status, test.code)
			}
			if test.error != "" {
				assert.Contains(t, res.header.Get("Proxy-Status"), "error="+test.error+";")
			}
			requireHonest(t, s, gateway, res, number)
			if test.reply != nil { // without a reply, the gateway has read nothing, whatever arrived
				assert.Len(t, gateway.about(number), 1)
			}

			// Whatever the fault was, the next request is not affected.
			gateway.greets(nil)
			gateway.answers(successAndClose)
			requireSuccess(t, s.post(t, validBody()))
		})
	}
}

// endless answers without an end.
func endless(conn net.Conn, _ *request) bool {
	_, err := conn.Write(message("200 OK", "", typeJSON, "Transfer-Encoding: chunked"))
	for piece := []byte(chunked(strings.Repeat(" ", 4096), 4096)[:4096+8]); err == nil; {
		_, err = conn.Write(piece)
	}
	return false
}

// A gateway that cannot be reached has received nothing, and the application is told exactly that.
// Once the gateway is back, so are its answers.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + strconv.Itoa(testnet.FreePort(t))
	sidecars := make(map[string]*sidecar)
	for variant, options := range map[string]string{"plain": "", "retrying": retryEagerly} {
		sidecars[variant] = startSidecar(t, setup{gateway: "http://" + address, options: "timeout 5s\n" + options})
	}
	gone := &upstream{host: address}
	for variant, s := range sidecars {
		t.Run(variant, func(t *testing.T) {
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error=connection_refused;")
			requireHonest(t, s, gone, res, user)
			s.AwaitLine(t, `"msg":"call"`, `"level":"error"`, `"payermax.outcome":"not_sent"`, `"cause":"dial tcp `)
		})
	}
	gateway := listenAt(t, address, nil)
	for _, s := range sidecars {
		requireSuccess(t, s.post(t, validBody()))
	}
	assert.Len(t, gateway.received(), len(sidecars))
}

// If a hand-written reverse proxy cannot determine the gateway's address, nothing is sent.
func TestGatewayHasNoAddress(t *testing.T) {
	t.Parallel()
	port := testnet.FreePort(t)
	s := start(t, "127.0.0.1:"+strconv.Itoa(port), caddyfile(port, fmt.Sprintf(`payermax_sign {
		app_id %s
		private_key %s
	}
	reverse_proxy {env.PAYERMAX_TEST_GATEWAY} {
		transport payermax
	}`, appID, testkeys.WritePrivate(t, testkeys.Merchant()))), []string{"PAYERMAX_TEST_GATEWAY=127.0.0.1:1-3"})
	res := s.post(t, validBody())
	requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
	assert.Contains(t, res.header.Get("Proxy-Status"), "error=proxy_configuration_error;")
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"not_sent"`, `"cause":"making dial info: `)
}

// An environment variable must not decide where payments go.
func TestIgnoresProxyVariables(t *testing.T) {
	t.Parallel()
	proxy := newUpstream(t)
	var env []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		env = append(env, name+"="+proxy.url(), strings.ToLower(name)+"="+proxy.url())
	}
	s := startSidecar(t, setup{gateway: "https://gateway.invalid", options: "timeout 5s", env: env})
	res := s.post(t, validBody())
	requireRefusal(t, res, res.status, "SYSTEM_ERROR")
	proxy.requireUntouched(t)
}

// A connection that the gateway closes while the next call is on its way is the one race that
// HTTP/1.1 cannot avoid. The call is not sent again.
func TestKeepAliveRace(t *testing.T) {
	for variant, options := range map[string]string{"plain": "", "retrying": retryEagerly} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			gateway := newPaymentUpstream(t)
			s := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in\n" + options})
			ended := make(map[int]int)
			pay := func() {
				raw, number := payment("orderAndPay", "race", "Idempotency-Key: x")
				res := s.send(t, raw)
				ended[res.status]++
				if res.status == http.StatusOK {
					requireSuccess(t, res)
					require.Len(t, gateway.about(number), 1)
					return
				}
				require.Equal(t, http.StatusBadGateway, res.status, "%s", res.raw)
				requireHonest(t, s, gateway, res, number)
			}
			for i := range 50 {
				// This call leaves an idle connection. On a busy machine it is itself in the race,
				// on the connection that was closed before.
				pay()

				var closed sync.WaitGroup
				closed.Go(func() {
					time.Sleep(time.Duration(i) * 20 * time.Microsecond)
					gateway.closeConnections()
				})
				pay()
				closed.Wait()
			}
			assert.Greater(t, ended[http.StatusOK], 50, "successes of 100 payments: %v", ended)
			t.Logf("status codes: %v", ended)
		})
	}
}

// A gateway that turns out to be the sidecar itself, behind something else, does not turn one
// request into thousands.
func TestLoop(t *testing.T) {
	t.Parallel()
	port, between := testnet.FreePort(t), testnet.FreePort(t)
	addr := "127.0.0.1:" + strconv.Itoa(port)
	block := payermaxBlock(t, setup{gateway: fmt.Sprintf("http://localhost:%d", between), options: "timeout 10s"})
	site := fmt.Sprintf("\nhttp://:%d {\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:%d\n}\n", between, port)
	// The debug log of Caddy's own transport would show the signature.
	s := start(t, addr, strings.Replace(caddyfile(port, block), "debug\n", "", 1)+site, nil)

	res := s.post(t, validBody())
	requireUnsigned(t, s, res, http.StatusBadGateway, "LOOP_DETECTED", "the request comes from a sidecar; gateway must not point to a sidecar")
	s.AwaitLine(t, `"level":"error"`, "a sidecar (this one or another) got the call", fmt.Sprintf(`"request_id":%q`, res.header.Get("Payermax-Request-Id")))
	assert.Less(t, s.terminate(t).Count(`"msg":"call"`), 10, "calls that one request led to")
}
