package transport

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// A forward proxy that takes connections and does not lead them anywhere costs no more
// time than a gateway that does not take them. Nothing was sent, and the connection to
// the proxy is closed.
func TestProxiesThatLeadNowhere(t *testing.T) {
	const canary = "CANARY"
	trickle := func(conn net.Conn) {
		for {
			if _, err := io.WriteString(conn, "X: "+canary+"\r\n"); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	says := func(text string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
	}
	secure := httptest.NewUnstartedServer(nil)
	secure.StartTLS()
	secure.Close()
	const late = "did not lead it to the gateway within 1s"
	for name, test := range map[string]struct {
		scheme            string
		answer            func(net.Conn)
		closes            bool
		cause, proxyError string
		handshake         time.Duration
	}{
		"silent":                  {"http", func(net.Conn) {}, false, late, "connection_timeout", 0},
		"half a status line":      {"http", says("HTTP/1.1 2"), false, late, "connection_timeout", 0},
		"a header without an end": {"http", func(conn net.Conn) { says("HTTP/1.1 200 OK\r\n")(conn); trickle(conn) }, false, late, "connection_timeout", 0},
		"an answer that is not the last": {"http", says("HTTP/1.1 100 Continue\r\n\r\n"), false,
			"answered CONNECT with status 100", "http_request_denied", 0},
		"a header that is too large": {"http", says("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10)), false,
			"the forward proxy did not lead the connection to the gateway: unexpected EOF", "", 0},
		"a body":                {"http", says("HTTP/1.1 403 Forbidden\r\nContent-Length: 999999999\r\n\r\n" + canary), false, "status 403", "http_request_denied", 0},
		"not HTTP":              {"http", says(canary + "\r\n\r\n"), false, "the forward proxy did not lead the connection to the gateway: the answer is not HTTP", "http_protocol_error", 0},
		"closed":                {"http", func(net.Conn) {}, true, "the forward proxy did not lead the connection to the gateway: unexpected EOF", "", 0},
		"silent, with TLS":      {"https", func(net.Conn) {}, false, late, "connection_timeout", 0},
		"silent, with SOCKS":    {"socks5", func(net.Conn) {}, false, late, "connection_timeout", 0},
		"half, with SOCKS":      {"socks5", says("\x05"), false, late, "connection_timeout", 0},
		"not SOCKS":             {"socks5", says(canary), false, "the forward proxy did not lead the connection to the gateway: socks connect", "", 0},
		"half-way, with SOCKS":  {"socks5", says("\x05\x00\x05\x00\x00\x01"), false, late, "connection_timeout", 0},
		"silent to the gateway": {"http", says("HTTP/1.1 200 OK\r\n\r\n"), false, "TLS handshake timeout", "", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{})
			proxy := testnet.Serve(t, func(conn net.Conn) {
				defer close(left)
				if test.scheme == "https" {
					conn = tls.Server(conn, secure.TLS)
				}
				if _, err := conn.Read(make([]byte, 4096)); !assert.NoError(t, err) {
					return
				}
				test.answer(conn)
				if !test.closes {
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			transport := newTransport(t, func(transport *Transport) {
				transport.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"` + test.scheme + `://` + proxy + `"}`)
				transport.TLS = &reverseproxy.TLSConfig{HandshakeTimeout: caddy.Duration(test.handshake)}
			})
			transport.connections.model.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // which is not the question
			transport.connections.replace()
			transport.DialTimeout = caddy.Duration(time.Hour) // of which the connection to the proxy knows nothing
			if test.cause == late {
				transport.DialTimeout = caddy.Duration(time.Second)
			}
			d, r := signed(t, "https://gateway.example")
			_, err := transport.RoundTrip(r) //nolint:bodyclose // there is no answer
			assert.ErrorContains(t, err, test.cause)
			assert.NotContains(t, err.Error(), canary)
			proxyError, _ := cause.Of(err)
			assert.Equal(t, test.proxyError, proxyError)
			assert.True(t, d.MayRetry(), "nothing was sent")
			<-left
		})
	}
}

// A forward proxy that is no URL of one is refused when the config is loaded, or at the call
// if that decides. Its password is in neither error, and nothing was sent.
func TestForwardProxiesThatAreNone(t *testing.T) {
	for name, proxy := range map[string]string{
		"a space in it":  "http://user:CANARY@pro xy:3128",
		"no port":        "http://user:CANARY@proxy:port",
		"no scheme":      "user:CANARY@proxy:3128",
		"another scheme": "ftp://user:CANARY@proxy:21",
		"no host":        "http://user:CANARY@:3128",
		"nothing":        "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PROXY_OF_TEST", proxy)
			for _, configured := range []func(*Transport){
				func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"` + proxy + `"}`) },
				func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"{env.PROXY_OF_TEST}"}`) },
				func(t *Transport) { t.ForwardProxyURL = cmp.Or(proxy, "{env.PROXY_OF_TEST}") },
			} {
				transport := new(Transport)
				configured(transport)
				ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
				defer cancel()
				assert.ErrorIs(t, transport.Provision(ctx), errNotAProxy)
			}

			transport := newTransport(t, func(t *Transport) { t.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"{proxy.of.test}"}`) })
			d, r := signed(t, "https://gateway.example")
			r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("proxy.of.test", proxy)
			_, err := transport.RoundTrip(r) //nolint:bodyclose // there is no answer
			require.ErrorIs(t, err, errNotAProxy)
			assert.Equal(t, reply.NotSent, d.Failed(t.Context(), new(reply.Answer), err).Outcome)
		})
	}
}

// What the transport itself refuses was not sent, though no connection was asked for.
func TestRefusalsOfTheTransportAreNotSent(t *testing.T) {
	d, r := signed(t, "http://192.0.2.1")
	_, err := newTransport(t).RoundTrip(r) //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, errPlaintext)
	failed := d.Failed(t.Context(), new(reply.Answer), err)
	assert.Equal(t, reply.NotSent, failed.Outcome)
	assert.Equal(t, "proxy_configuration_error", failed.ProxyError)
	assert.Contains(t, failed.Msg, "until the operator has corrected the cause")
}
