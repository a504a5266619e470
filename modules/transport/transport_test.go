package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// TestMain runs the tests with a proxy in the environment, as on many machines. net/http
// reads these variables once per process.
func TestMain(m *testing.M) {
	if err := errors.Join(os.Setenv("HTTPS_PROXY", "http://192.0.2.1:3128"), os.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func newTransport(t *testing.T, options ...func(*Transport)) *Transport {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	transport := new(Transport)
	for _, option := range options {
		option(transport)
	}
	require.NoError(t, transport.Provision(ctx))
	t.Cleanup(func() { require.NoError(t, transport.Cleanup()) })
	return transport
}

// signed returns a delivery to an endpoint, and its request as a reverse proxy gives it to
// its transport.
func signed(t *testing.T, url string) (*delivery.Delivery, *http.Request) {
	t.Helper()
	endpoint, ok := protocol.Lookup("refund")
	require.True(t, ok)
	return signedFor(t, endpoint, false, url)
}

func signedFor(t *testing.T, endpoint protocol.Endpoint, retryRepeatable bool, url string) (*delivery.Delivery, *http.Request) {
	t.Helper()
	d := delivery.New(endpoint, retryRepeatable, &delivery.Signed{Path: endpoint.Path(), Body: []byte("signed"), Signature: "signature"}, nil)
	ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{})
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	r := d.Outgoing(ctx, httptest.NewRequest(http.MethodPost, url, nil), make(http.Header))
	r.RequestURI = ""
	address, err := r.URL.Parse(url)
	require.NoError(t, err)
	r.URL = address
	return d, r
}

// dialing returns the request as a reverse proxy passes it on after choosing an upstream.
func dialing(r *http.Request, network, address string) *http.Request {
	to := reverseproxy.DialInfo{Network: network, Address: address}
	return r.WithContext(context.WithValue(r.Context(), caddy.CtxKey("reverse_proxy.dial_info"), to))
}

// The transport sends what was signed, whatever happened to the request afterwards, and hides
// the signatures from the reverse proxy's log.
func TestTransportSendsWhatWasSigned(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "signed", string(body))
		assert.Equal(t, []string{"signature"}, r.Header["Sign"])
		w.Header().Set("Sign", "answer's")
	}))
	defer gateway.Close()

	d, r := signed(t, gateway.URL)
	r.URL.Scheme = "" // a reverse proxy leaves it empty
	r.Header.Set("Sign", "changed")
	r.Header.Add("Sign", "added")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte("changed"))), 7

	answer, err := newTransport(t).RoundTrip(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Empty(t, r.Header["Sign"])
	assert.Empty(t, answer.Header["Sign"])
	got := new(reply.Answer)
	d.Restore(got)
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Equal(t, []string{"answer's"}, got.Header()["Sign"])
}

// Whatever a reverse proxy's options or other handlers do to a call, the signed call is sent,
// once, to its own endpoint.
func TestTransportPinsTheCall(t *testing.T) {
	var got *http.Request
	var body []byte
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		body, err = io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = r
	}))
	defer gateway.Close()

	for name, change := range map[string]func(r *http.Request){
		"nothing":          func(*http.Request) {},
		"method":           func(r *http.Request) { r.Method = http.MethodGet },
		"method and body":  func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodHead, nil, 0 },
		"path":             func(r *http.Request) { r.URL.Path = protocol.PathPrefix + "cancel" },
		"escaped path":     func(r *http.Request) { r.URL.RawPath = "/%61" },
		"opaque":           func(r *http.Request) { r.URL.Opaque = "//elsewhere/cancel" },
		"query":            func(r *http.Request) { r.URL.RawQuery = "a=b" },
		"empty query":      func(r *http.Request) { r.URL.ForceQuery = true },
		"fragment":         func(r *http.Request) { r.URL.Fragment = "a" },
		"user":             func(r *http.Request) { r.URL.User = url.UserPassword("a", "b") },
		"Content-Type":     func(r *http.Request) { r.Header["Content-Type"] = []string{"text/plain"} },
		"no Content-Type":  func(r *http.Request) { r.Header.Del("Content-Type") },
		"Content-Encoding": func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
		"Content-Length":   func(r *http.Request) { r.Header["Content-Length"], r.ContentLength = []string{"3", "4"}, -1 },
		"Transfer-Encoding": func(r *http.Request) {
			r.Header.Set("Transfer-Encoding", "chunked")
			r.TransferEncoding = []string{"chunked"}
		},
		"trailer":         func(r *http.Request) { r.Trailer = http.Header{"Sign": {"x"}}; r.Header.Set("Trailer", "Sign") },
		"Accept-Encoding": func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") },
		"User-Agent":      func(r *http.Request) { r.Header.Set("User-Agent", "") },
		"Connection":      func(r *http.Request) { r.Header.Set("Connection", "Sign, close"); r.Close = true },
		"upgrade":         func(r *http.Request) { r.Header.Set("Connection", "Upgrade"); r.Header.Set("Upgrade", "h2c") },
		"Expect":          func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
		"another method":  func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "DELETE") },
		"another path": func(r *http.Request) {
			r.Header.Set("X-Original-URL", "/cancel")
			r.Header.Set("X-Rewrite-URL", "/cancel")
		},
		"no Sign": func(r *http.Request) { r.Header.Del("Sign") },
	} {
		t.Run(name, func(t *testing.T) {
			_, r := signed(t, gateway.URL+protocol.PathPrefix+"refund")
			r.Header.Set("X-Added", "stays")
			change(r)
			answer, err := newTransport(t).RoundTrip(r)
			require.NoError(t, err)
			defer answer.Body.Close()
			assert.Equal(t, "POST "+protocol.PathPrefix+"refund", got.Method+" "+got.RequestURI)
			assert.Equal(t, "signed", string(body))
			assert.EqualValues(t, 6, got.ContentLength)
			assert.Empty(t, got.TransferEncoding)
			assert.Empty(t, got.Trailer)
			assert.Equal(t, http.Header{
				"Accept": {"application/json"}, "Accept-Encoding": {"identity"}, "Content-Length": {"6"}, "Content-Type": {"application/json"},
				"Sign": {"signature"}, "User-Agent": {protocol.SidecarName}, "X-Added": {"stays"},
			}, got.Header)
		})
	}
}

// A forward proxy on another machine would see a plaintext call to this machine.
func TestTransportRefusesPlaintextThroughProxy(t *testing.T) {
	for proxy, want := range map[string]string{
		"http://192.0.2.1:3128":       errPlaintext.Error(),
		"socks5://proxy.example:1080": errPlaintext.Error(),
		"http://127.0.0.1:1":          "connection refused", // by a proxy on this machine
	} {
		transport := newTransport(t, func(transport *Transport) {
			transport.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"` + proxy + `"}`)
		})
		_, r := signed(t, "http://localhost:9000")
		_, err := transport.RoundTrip(r) //nolint:bodyclose // there is no answer
		assert.ErrorContains(t, err, want, proxy)
	}
}

func TestTransportRefuses(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the gateway was called")
	}))
	defer gateway.Close()

	_, sent := signed(t, gateway.URL)
	httptrace.ContextClientTrace(sent.Context()).WroteHeaders()
	_, abroad := signed(t, "http://192.0.2.1")
	_, proxied := signed(t, "http://192.0.2.1")
	proxied = dialing(proxied, "tcp", "192.0.2.1:80")
	_, lookalike := signed(t, "http://localhost.example.com")
	_, numeric := signed(t, "http://127.0.0.1.example.com")
	unsigned := httptest.NewRequest(http.MethodPost, gateway.URL, nil)
	unsigned.RequestURI = ""

	for _, test := range []struct {
		name string
		r    *http.Request
		want error
	}{
		{"what nobody signed", unsigned, errUnsigned},
		{"a second sending", sent, errSentTwice},
		{"plain text to another machine", abroad, errPlaintext},
		{"plain text to another machine, by a reverse proxy", proxied, errPlaintext},
		{"plain text to what only looks like this machine", lookalike, errPlaintext},
		{"plain text to what only begins like this machine's address", numeric, errPlaintext},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newTransport(t).RoundTrip(test.r) //nolint:bodyclose // there is no answer
			assert.ErrorIs(t, err, test.want)
		})
	}
}

// If anything prevents the transport from asking for a connection, the application learns
// that nothing was sent, and the log says why.
func TestTransportSaysThatNothingWasSent(t *testing.T) {
	through := func(proxy string) func(*Transport) {
		return func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"` + proxy + `"}`) }
	}
	for name, test := range map[string]struct {
		url        string
		option     func(*Transport)
		change     func(r *http.Request)
		proxyError string
		says       string
	}{
		"plain text to another machine": {url: "http://192.0.2.1", proxyError: "proxy_configuration_error", says: "in plain text"},
		"plain text by a forward proxy": {url: "http://localhost:9", option: through("http://192.0.2.1:3128"), proxyError: "proxy_configuration_error", says: "in plain text"},
		"no host":                       {url: "https://gateway.example", change: func(r *http.Request) { r.URL.Host, r.Host = "", "" }, proxyError: "destination_unavailable"},
		"no field of HTTP":              {url: "https://gateway.example", change: func(r *http.Request) { r.Header.Set("X-A", "a\nb") }, proxyError: "destination_unavailable"},
		"no HTTP/3 without TLS":         {url: "http://localhost:9", option: func(t *Transport) { t.TLS, t.Versions = new(reverseproxy.TLSConfig), []string{"3"} }, proxyError: "destination_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			d, r := signed(t, test.url)
			var options []func(*Transport)
			if test.option != nil {
				options = append(options, test.option)
			}
			if test.change != nil {
				test.change(r)
			}
			_, err := newTransport(t, options...).RoundTrip(r) //nolint:bodyclose // there is no answer
			require.Error(t, err)
			failed := d.Failed(r.Context(), new(reply.Answer), caddyhttp.Error(http.StatusBadGateway, err))
			assert.Equal(t, reply.NotSent, failed.Outcome, "%v", err)
			assert.Equal(t, test.proxyError, failed.ProxyError, "%v", err)
			assert.ErrorContains(t, failed.Cause, test.says)
		})
	}

	d, r := signed(t, "https://gateway.example")
	httptrace.ContextClientTrace(r.Context()).WroteHeaders()
	_, err := newTransport(t).RoundTrip(r) //nolint:bodyclose // there is no answer
	assert.Equal(t, reply.Unknown, d.Failed(r.Context(), new(reply.Answer), err).Outcome)
}

// An environment variable does not decide where payments go, but the config may.
func TestProxies(t *testing.T) {
	for name, test := range map[string]struct {
		option func(*Transport)
		want   string
	}{
		"what the environment names":        {func(*Transport) {}, ""},
		"no proxy":                          {func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"none"}`) }, ""},
		"network_proxy url":                 {func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"http://a.example"}`) }, "http://a.example"},
		"network_proxy url of the call":     {func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"{proxy.of.test}"}`) }, "http://c.example"},
		"forward_proxy_url, as in old days": {func(t *Transport) { t.ForwardProxyURL = "http://b.example" }, "http://b.example"},
	} {
		t.Run(name, func(t *testing.T) {
			transport := newTransport(t, test.option)
			repl := caddy.NewReplacer()
			repl.Set("proxy.of.test", "http://c.example")
			r := httptest.NewRequest(http.MethodPost, "https://gateway.example", nil)
			r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
			var got string
			if choose := transport.connections.present().Proxy; choose != nil {
				proxy, err := choose(r)
				require.NoError(t, err)
				if proxy != nil {
					got = proxy.String()
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// An invalid proxy URL is refused when the config is loaded, if it can be detected then.
// Neither errors nor the log contain its password.
func TestProxyURLs(t *testing.T) {
	const canary = "CANARY"
	for _, wrong := range []string{
		"proxy.example:3128", "ftp://u:CANARY@proxy.example", "http://u:CAN%ARY@proxy.example", "http://u:CANARY@proxy.example:31x", "http://u:CANARY@:3128", "CANARY",
	} {
		raw, err := json.Marshal(map[string]string{"from": "url", "url": wrong})
		require.NoError(t, err)
		for _, transport := range []*Transport{{HTTPTransport: reverseproxy.HTTPTransport{NetworkProxyRaw: raw}}, {HTTPTransport: reverseproxy.HTTPTransport{ForwardProxyURL: wrong}}} {
			ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
			require.ErrorIs(t, transport.Provision(ctx), errNotAProxy, wrong)
			cancel()
		}

		t.Setenv("PAYERMAX_TEST_PROXY", wrong)
		r := httptest.NewRequest(http.MethodPost, "https://gateway.example", nil)
		r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
		_, err = viaProxy("{env.PAYERMAX_TEST_PROXY}")(r)
		require.ErrorIs(t, err, errNotAProxy, wrong)
	}
	assert.NotContains(t, errNotAProxy.Error(), canary)
	for _, right := range []string{"http://proxy.example:3128", "https://u:CANARY@proxy.example", "socks5://[::1]:1080", "socks5h://proxy.example:1080"} {
		require.NoError(t, checkProxy(right), right)
		assert.Equal(t, strings.Contains(right, canary), hasPassword(right), right)
	}
	assert.False(t, hasPassword("http://u:{env.PASSWORD}@proxy.example"))
}

// After a failure, the reverse proxy learns whether it may make another attempt: only if
// nothing of the call was written.
func TestTransportSaysWhetherToRetry(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler) // closes the connection
	}))
	defer gateway.Close()
	nobody := httptest.NewServer(nil)
	nobody.Close()
	for url, want := range map[string]bool{gateway.URL: false, nobody.URL: true, "http://192.0.2.1": true} {
		_, r := signed(t, url)
		_, err := newTransport(t).RoundTrip(r) //nolint:bodyclose // there is no answer
		require.Error(t, err)
		may, said := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Get("payermax.may_retry")
		assert.True(t, said)
		assert.Equal(t, want, may)
	}
}

// An invalid HTTP status is not passed on: writing it would panic.
func TestTransportRefusesWhatIsNoStatus(t *testing.T) {
	for status, want := range map[string]bool{"000": false, "099": false, "200": true, "999": true} {
		gateway, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { gateway.Close() })
		go func() {
			conn, err := gateway.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "HTTP/1.1 "+status+" X\r\nContent-Length: 2\r\n\r\n{}")
		}()
		_, r := signed(t, "http://"+gateway.Addr().String())
		answer, err := newTransport(t).RoundTrip(r)
		if want {
			require.NoError(t, err, status)
			answer.Body.Close()
			continue
		}
		proxyError, text := cause.Of(err)
		assert.Equal(t, "http_protocol_error", proxyError, status)
		assert.Equal(t, "the answer's status is less than 100", text)
	}
}

// An answer that breaks off is a failed attempt while another attempt may be made. Otherwise
// it goes to the reverse proxy. A complete answer is the same in both cases.
func TestTransportReadsAnswersThatItMayReplace(t *testing.T) {
	query, _ := protocol.Lookup("orderQuery")
	refund, _ := protocol.Lookup("refund")
	long := strings.Repeat("x", 3*reply.AnswerStep)
	for name, test := range map[string]struct {
		endpoint   protocol.Endpoint
		retries    bool
		body       string
		missing    int
		isReplaced bool
	}{
		"whole":                      {query, true, "{}", 0, false},
		"empty":                      {query, true, "", 0, false},
		"long":                       {query, true, long, 0, false},
		"broken off":                 {query, true, "{}", 1, true},
		"broken off at once":         {query, true, "", 1, true},
		"broken off, not repeatable": {refund, true, "{}", 1, false},
		"broken off, without retry":  {query, false, "{}", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(test.body)+test.missing))
				_, _ = io.WriteString(w, test.body)
				_ = http.NewResponseController(w).Flush()
			}))
			defer gateway.Close()
			_, r := signedFor(t, test.endpoint, test.retries, gateway.URL)
			answer, err := newTransport(t).RoundTrip(r)
			if test.isReplaced {
				proxyError, _ := cause.Of(err)
				assert.Equal(t, "http_response_incomplete", proxyError)
				may, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Get("payermax.may_retry")
				assert.Equal(t, true, may)
				return
			}
			require.NoError(t, err)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			assert.Equal(t, test.missing == 0, err == nil)
			assert.Equal(t, test.body, string(body))
		})
	}
}

// An answer that breaks off is closed.
func TestBrokenAnswersAreClosed(t *testing.T) {
	body := &closing{Reader: iotest.ErrReader(io.ErrUnexpectedEOF)}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	_, err := whole(&http.Response{Body: body, Request: r}) //nolint:bodyclose // that is the question
	require.Error(t, err)
	assert.True(t, body.isClosed)
}

type closing struct {
	io.Reader
	isClosed bool
}

func (c *closing) Close() error {
	c.isClosed = true
	return nil
}

// The Host header has no default port, as other clients write it: a gateway may select its
// site by the whole value.
func TestTransportLeavesTheDefaultPortOut(t *testing.T) {
	var host string
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host }))
	defer gateway.Close()
	for named, want := range map[string]string{"localhost:80": "localhost", "localhost:8080": "localhost:8080"} {
		_, r := signed(t, "http://"+named)
		r = dialing(r, "tcp", gateway.Listener.Addr().String())
		r.Host = named
		answer, err := newTransport(t).RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, want, host)
	}
}

// Another attempt begins with the URL that the reverse proxy has chosen.
func TestTransportLeavesTheURLAlone(t *testing.T) {
	_, r := signed(t, "http://192.0.2.1/")
	r.URL.Scheme = ""
	_, err := newTransport(t).RoundTrip(r) //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, errPlaintext)
	assert.Equal(t, "//192.0.2.1/", r.URL.String())
}

// A call to a Unix socket stays on this machine, whatever the gateway's name.
func TestTransportSendsPlaintextToASocket(t *testing.T) {
	_, r := signed(t, "http://gateway.example")
	r = dialing(r, "unix", filepath.Join(t.TempDir(), "nobody.sock"))
	_, err := newTransport(t).RoundTrip(r) //nolint:bodyclose // there is no answer
	assert.NotErrorIs(t, err, errPlaintext)
	assert.ErrorContains(t, err, "connect: no such file or directory")
}

// Active health checks have no body and need no signature.
func TestTransportLetsProbesPass(t *testing.T) {
	gateway := httptest.NewServer(http.NotFoundHandler())
	defer gateway.Close()
	ctx := context.WithValue(context.Background(), caddyhttp.VarsCtxKey, map[string]any{})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL, nil)
	require.NoError(t, err)
	r.URL.Scheme = ""
	answer, err := newTransport(t).RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusNotFound, answer.StatusCode)
}

// The defaults for what a config omits. Configured values are kept.
func TestTransportDefaults(t *testing.T) {
	bare := newTransport(t, func(transport *Transport) { transport.TLS = new(reverseproxy.TLSConfig) })
	assert.Equal(t, []string{"1.1"}, bare.Versions)
	assert.Equal(t, 5*time.Second, bare.Transport.TLSHandshakeTimeout)
	assert.Equal(t, 5*time.Second, time.Duration(bare.DialTimeout))
	assert.Equal(t, maxConnectionAge, bare.connections.maxAge)
	assert.Equal(t, 30*time.Second, bare.connections.present().IdleConnTimeout)
	assert.EqualValues(t, 64<<10, bare.connections.present().MaxResponseHeaderBytes)
	assert.True(t, bare.connections.present().DisableCompression, "what is signed is the answer as it was sent")

	said := newTransport(t, func(transport *Transport) {
		transport.TLS = &reverseproxy.TLSConfig{HandshakeTimeout: caddy.Duration(time.Second)}
		transport.Versions = []string{"1.1", "2"}
		transport.KeepAlive = &reverseproxy.KeepAlive{IdleConnTimeout: caddy.Duration(time.Second)}
		transport.DialTimeout, transport.MaxResponseHeaderSize, transport.Compression = caddy.Duration(time.Minute), 1000, new(true)
	})
	assert.Equal(t, time.Minute, time.Duration(said.DialTimeout))
	assert.EqualValues(t, 1000, said.connections.present().MaxResponseHeaderBytes)
	assert.False(t, said.connections.present().DisableCompression)
	assert.Equal(t, []string{"1.1", "2"}, said.Versions)
	assert.Equal(t, time.Second, said.Transport.TLSHandshakeTimeout)
	assert.Equal(t, 10*time.Second, said.connections.maxAge)
	assert.Equal(t, signOfLife, said.connections.present().HTTP2.PingTimeout)
}

// Warnings when a config is loaded: whatever endangers a password or a call. A correct config
// has none.
func TestProvisionSays(t *testing.T) {
	const password, anybody = "network_proxy has a password in the config", "tls_insecure_skip_verify is on"
	for name, test := range map[string]struct{ options, says string }{
		"nothing":                     {`"tls":{}`, ""},
		"that a password is shown":    {`"network_proxy":{"from":"url","url":"http://u:CANARY@proxy.example:3128"}`, password},
		"that nobody checks the name": {`"tls":{"insecure_skip_verify":true}`, anybody},
	} {
		t.Run(name, func(t *testing.T) {
			var config map[string]any
			require.NoError(t, json.Unmarshal([]byte(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:8080"],"routes":[{"handle":[
				{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:443"}],"transport":{"protocol":"payermax",`+test.options+`}}]}]}}}}}`), &config))
			logged, err := testcaddy.Loaded(t, config)
			require.NoError(t, err)
			for _, words := range []string{password, anybody} {
				assert.Equal(t, words == test.says, strings.Contains(logged, words), logged)
			}
			assert.NotContains(t, logged, "CANARY")
		})
	}

	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	lacking := &Transport{HTTPTransport: reverseproxy.HTTPTransport{TLS: &reverseproxy.TLSConfig{CARaw: json.RawMessage(`{"provider":"file","pem_files":["no-authority.pem"]}`)}}}
	assert.ErrorContains(t, lacking.Provision(ctx), "no-authority.pem")
}
