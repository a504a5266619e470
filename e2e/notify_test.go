package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// application is the application behind a site: it records the requests that reach it, and
// acknowledges them.
type application struct {
	address string

	mu       sync.Mutex
	requests []reached
}

// reached is a request that reached the application.
type reached struct {
	*http.Request
	body string
}

func startApplication(t *testing.T) *application {
	t.Helper()
	a := new(application)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/socket" {
			echo(t, w)
			return
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		a.mu.Lock()
		a.requests = append(a.requests, reached{r, string(body)})
		a.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"code":"SUCCESS","msg":"Success"}`)
	}))
	t.Cleanup(server.Close)
	a.address = strings.TrimPrefix(server.URL, "http://")
	return a
}

// taken returns the requests since it was last called.
func (a *application) taken() []reached {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.requests
	a.requests = nil
	return taken
}

// echo takes over the connection and repeats one line, as a WebSocket might.
func echo(t *testing.T, w http.ResponseWriter) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "echo")
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if !assert.NoError(t, err) {
		return
	}
	defer conn.Close()
	if line, err := buffered.ReadString('\n'); err == nil {
		_, _ = io.WriteString(conn, line)
	}
}

// notifyBlock returns a payermax_notify directive for these tests' merchant.
func notifyBlock(t *testing.T, matcher string, options ...string) string {
	return fmt.Sprintf("payermax_notify %s {\ngateway_public_key %s\napp_id %s\nmerchant_no %s\n%s\n}\n",
		matcher, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), appID, merchantNo, strings.Join(options, "\n"))
}

// startSite runs a site until the end of the test.
func startSite(t *testing.T, lines ...string) *sidecar {
	t.Helper()
	return startSidecar(t, setup{site: strings.Join(lines, "\n"), globals: withoutFields + `
	servers {
		expected_underscore_headers Payermax_*
		expected_dot_headers Payermax.*
	}`})
}

// paid returns a notification for these tests' merchant.
func paid() string {
	return fmt.Sprintf(`{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":%q,"merchantNo":%q,"notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P1","status":"SUCCESS","totalAmount":10000}}`, appID, merchantNo)
}

// notifying returns a request that delivers a notification.
func notifying(path, body string, fields ...string) string {
	return requestWith("POST "+path+" HTTP/1.1", body, append([]string{signField(body)}, fields...)...)
}

// requireProof checks that the application got the notification together with our proof.
func requireProof(t *testing.T, requests []reached, body string) {
	t.Helper()
	require.Len(t, requests, 1)
	assert.Equal(t, body, requests[0].body)
	require.Len(t, requests[0].Header["Payermax-Verified"], 1)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, requests[0].Header.Get("Payermax-Verified"))
}

// looksLikeProof reports whether a request has a header field or trailer that an application could
// read as the proof.
func (r reached) looksLikeProof() bool {
	for _, fields := range []http.Header{r.Header, r.Trailer} {
		for name := range fields {
			if strings.Contains(strings.ToLower(name), "verified") {
				return true
			}
		}
	}
	return false
}

// A forged proof never reaches anything behind the site, whatever the path and the spelling of the
// header. A genuine one does.
func TestForgedProof(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	everything := "reverse_proxy " + app.address
	for name, lines := range map[string][]string{
		"a proxy for the whole site":   {notifyBlock(t, "/payermax/callback*"), everything},
		"an exact path":                {notifyBlock(t, "/payermax/callback"), everything},
		"the manual's layout":          {notifyBlock(t, "/payermax/callback*"), "reverse_proxy /payermax/callback* " + app.address},
		"two directives":               {notifyBlock(t, "/payermax/callback*"), notifyBlock(t, "/other*"), everything},
		"two directives, of one path":  {notifyBlock(t, "/payermax/*"), notifyBlock(t, "/payermax/callback*"), everything},
		"a handle for the application": {notifyBlock(t, "/payermax/callback*"), "handle {\n" + everything + "\n}"},
		"in handles, with a guard":     {"payermax_notify_guard", "handle /payermax/callback* {", notifyBlock(t, ""), everything, "}", "handle {", everything, "}"},
		"errors go to the application": {"payermax_notify_guard", "basic_auth /private* {\nu " + passwordHash(t, "x") + "\n}", notifyBlock(t, "/payermax/callback*"), everything, "handle_errors {", everything, "}"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, lines...)
			for _, path := range []string{
				"/payermax/callback", "/payermax/callback/", "//payermax/callback", "/payermax//callback", "/payermax/callback/.",
				"/payermax%2fcallback", "/payermax/callback%2f", "/PAYERMAX/callback", "/payermax/callback;x=y", "/payermax/callback.json",
				"/payermax/../payermax/callback/", "/payermax%252fcallback", "/private/callback", "/", "/anything",
			} {
				for _, field := range []string{
					"Payermax-Verified: forged", "PAYERMAX-VERIFIED: forged", "payermax-verified:forged", "Payermax_Verified: forged",
					"Payermax.Verified: forged", "Payermax~Verified: forged",
				} {
					s.send(t, requestWith("POST "+path+" HTTP/1.1", paid(), field))
					for _, r := range app.taken() {
						assert.False(t, r.looksLikeProof(), "%s with %s: %v", path, field, r.Header)
					}
				}
			}
			for _, trailers := range [][]string{{"Payermax-Verified: forged"}, {"X: y", "Payermax_Verified: forged"}} {
				announced, _, _ := strings.Cut(trailers[0], ":")
				for _, announce := range []string{"Trailer: " + announced, "X-None: "} {
					s.send(t, requestWith("POST /payermax/callback/ HTTP/1.1", chunked(paid(), 100, trailers...), "Content-Length:", "Transfer-Encoding: chunked", announce))
					for _, r := range app.taken() {
						assert.False(t, r.looksLikeProof(), "%s: %v", trailers, r.Trailer)
					}
				}
			}
			res := s.send(t, notifying("/payermax/callback", paid(), "Payermax-Verified: forged"))
			assert.Equal(t, http.StatusOK, res.status)
			requireProof(t, app.taken(), paid())
		})
	}
}

// Only what PayerMax has signed is passed on with the proof, plus the query string.
func TestNotifyPassesOnlyWhatIsSigned(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	s := startSite(t, notifyBlock(t, "/payermax/callback*"), "reverse_proxy "+app.address)
	for _, fields := range [][]string{
		nil,
		{"Connection: Payermax-Verified"},
		{"Connection: close, payermax-verified, Sign, Content-Type"},
		{"X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "X-HTTP-Method: DELETE"},
		{"Content-Type: application/json; charset=utf-7"},
		{"Content-Type: application/x-www-form-urlencoded"},
		{"Content-Type:"},
		{"Content-Encoding: ", "Content-Encoding: identity"},
		{"Content-Encoding: UTF-8"},
		{"Content-Language: tlh", "Cookie: session=1", "Authorization: Bearer x", "X-User: admin", "Upgrade: websocket", "TE: trailers"},
		{"Expect: 100-continue"},
		{"Content-Length:", "Transfer-Encoding: chunked"},
	} {
		body := paid()
		raw := notifying("/payermax/callback?shop=1", body, append(fields, "User-Agent: PayerMax", "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")...)
		if fields != nil && fields[0] == "Content-Length:" {
			raw = requestWith("POST /payermax/callback?shop=1 HTTP/1.1", chunked(body, 50), append(fields, signField(body), "User-Agent: PayerMax", "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")...)
		}
		res := s.send(t, raw)
		require.Equal(t, http.StatusOK, res.status, "%q: %s", fields, res.raw)
		requests := app.taken()
		requireProof(t, requests, body)
		r := requests[0]
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "shop=1", r.URL.RawQuery)
		assert.Equal(t, "sidecar.example", r.Host)
		assert.EqualValues(t, len(body), r.ContentLength)
		assert.Empty(t, r.TransferEncoding)
		for name, values := range map[string][]string{
			"Content-Type": {"application/json"}, "User-Agent": {"PayerMax"}, "Sign": {strings.TrimPrefix(signField(body), "sign: ")},
			"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, "X-Forwarded-Host": {"sidecar.example"}, "X-Forwarded-Proto": {"http"},
		} {
			assert.Equal(t, values, r.Header[name], "%q", fields)
			delete(r.Header, name)
		}
		for _, name := range []string{"Payermax-Verified", "X-Forwarded-For", "Content-Length", "Accept-Encoding", "Via"} {
			delete(r.Header, name) // set by the proxy itself
		}
		assert.Empty(t, r.Header, "%q", fields)
	}
	for _, fields := range [][]string{{"Content-Encoding: gzip"}, {"Content-Encoding: ", "Content-Encoding: gzip"}, {"Content-Encoding: identity, br"}} {
		requireRefusal(t, s.send(t, notifying("/payermax/callback", paid(), fields...)), http.StatusUnsupportedMediaType, "NOTIFICATION_REFUSED")
	}
	assert.Empty(t, app.taken())
}

// A signature says who sent a text, but not what the text is or whom it is for.
func TestNotifyBindsWhatIsSigned(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	s := startSite(t, notifyBlock(t, "/payermax/callback*"), "reverse_proxy "+app.address)
	refused := make(map[string]int) // refused notifications, by the result in the log
	for name, test := range map[string]struct{ body, result string }{
		"an answer to orderQuery": {success, "not_a_notification"},
		"another appId":           {strings.Replace(paid(), appID, "other", 1), "other_merchant"},
		"another merchant":        {strings.Replace(paid(), merchantNo, "other", 1), "other_merchant"},
		"nobody's":                {`{"notifyType":"PAYMENT","data":{}}`, "other_merchant"},
		"no JSON":                 {"hello", "not_a_notification"},
		"two type members":        {strings.Replace(paid(), `"data"`, `"notify_type":"REFUND","data"`, 1), "ambiguous"},
		"one type twice":          {strings.Replace(paid(), `"data"`, `"notifyType":"PAYMENT","data"`, 1), "ambiguous"},
		"null for its type":       {`{"code":"APPLY_SUCCESS","notifyType":null,"appId":"` + appID + `","data":null}`, "not_a_notification"},
		"a callback without type": {`{"referenceNo":"1","amount":"2","currency":"PHP"}`, "not_a_notification"},
	} {
		requireRefusal(t, s.send(t, notifying("/payermax/callback", test.body)), http.StatusForbidden, "NOTIFICATION_REFUSED")
		assert.Empty(t, app.taken(), name)
		refused[test.result]++
		s.AwaitLines(t, refused[test.result], `"msg":"notification"`, `"result":"`+test.result+`"`)
	}
	for result, count := range refused {
		s.Prints(t, count, `"msg":"notification"`, `"result":"`+result+`"`)
	}
	s.send(t, notifying("/payermax/callback", paid()))
	requireProof(t, app.taken(), paid())
}

// No request ends with an empty 200: not one that no handler answers, and above all not a
// notification, which PayerMax would take for delivered.
func TestNothingEndsEmpty(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"nothing behind it":             {notifyBlock(t, "/payermax/callback*")},
		"nothing, and acknowledging":    {notifyBlock(t, "/payermax/callback*", "ack after", "duplicates 1h")},
		"nothing, and no acknowledging": {notifyBlock(t, "/payermax/callback*", "duplicates 1h")},
		"in a handle":                   {"payermax_notify_guard", "handle /payermax/callback* {", notifyBlock(t, ""), "}"},
		"a proxy elsewhere":             {notifyBlock(t, "/payermax/callback*"), "reverse_proxy /elsewhere* 127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, lines...)
			for range 2 {
				requireRefusal(t, s.send(t, notifying("/payermax/callback", paid())), http.StatusServiceUnavailable, "NOTIFICATION_NOT_ACCEPTED")
			}
			s.AwaitLine(t, `"msg":"notification"`, `"result":"not_accepted"`)
			for _, path := range []string{"/", "/payermax", "/anything?x=y"} {
				for _, method := range []string{"GET", "POST"} {
					requireRefusal(t, s.send(t, requestWith(method+" "+path+" HTTP/1.1", "")), http.StatusNotFound, "NOT_FOUND")
				}
			}
		})
	}
	t.Run("in a handle, without a guard for the rest", func(t *testing.T) {
		t.Parallel()
		s := startSite(t, "handle /payermax/callback* {", notifyBlock(t, ""), "}")
		requireRefusal(t, s.send(t, notifying("/payermax/callback", paid())), http.StatusServiceUnavailable, "NOTIFICATION_NOT_ACCEPTED")
		s.AwaitLine(t, `"level":"warn"`, "payermax_notify does not see every request of its site first", "write payermax_notify_guard")
	})
}

// The guard does not get in the way: streams flow, and connections can be hijacked.
func TestNotifyGuardLetsStreamsFlow(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	next := make(chan struct{})
	stream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}))
	t.Cleanup(stream.Close)
	s := startSite(t, "encode", notifyBlock(t, "/payermax/callback*"), "reverse_proxy /stream "+strings.TrimPrefix(stream.URL, "http://"), "reverse_proxy "+app.address)

	res, err := http.Get("http://" + s.addr + "/stream")
	require.NoError(t, err)
	defer res.Body.Close()
	events := bufio.NewReader(res.Body)
	for range 2 { // the second is sent only after the first has arrived
		line, err := events.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "data: x\n", line)
		_, err = events.ReadString('\n')
		require.NoError(t, err)
		next <- struct{}{}
	}

	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(conn, "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	switched, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, switched.StatusCode)
	_, err = io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "hello\n", line)
}

// The same with a JSON config, where the guard is written out.
func TestNotifyInJSON(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	port := testnet.FreePort(t)
	config := func(guard string) string {
		return fmt.Sprintf(`{"admin":{"disabled":true,"config":{"persist":false}},"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:%d"],"routes":[
			%s
			{"match":[{"path":["/payermax/callback*"]}],"handle":[{"handler":"payermax_notify","gateway_public_keys":[%q],"app_ids":[%q],"merchant_nos":[%q]}]},
			{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":%q}]}]}]}}}}}`, port, guard, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), appID, merchantNo, app.address)
	}
	validate := func(config string) string {
		file := filepath.Join(t.TempDir(), "caddy.json")
		require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
		said, err := caddyCommand(t, t.Context(), nil, "validate", "--config", file).CombinedOutput()
		require.NoError(t, err, "%s", said)
		return string(said)
	}
	const guard = `{"handle":[{"handler":"payermax_notify_guard"}]},`
	assert.Contains(t, validate(config("")), "payermax_notify does not see every request")
	assert.NotContains(t, validate(config(guard)), "payermax_notify does not see every request")

	s := start(t, "127.0.0.1:"+strconv.Itoa(port), config(guard), nil)
	s.send(t, requestWith("POST /payermax/callback2/../ HTTP/1.1", paid(), "Payermax-Verified: forged"))
	for _, r := range app.taken() {
		assert.False(t, r.looksLikeProof())
	}
	s.send(t, notifying("/payermax/callback", paid()))
	requireProof(t, app.taken(), paid())
}
