package transport

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// A forward proxy that accepts connections and leads nowhere costs no more time than a
// gateway that does not accept them. Nothing was sent, and the connection to the proxy is
// closed.
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
	const late = "did not connect it to the gateway within 1s"
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
			transport.connections.model.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // not what this test is about
			transport.connections.replace()
			transport.DialTimeout = caddy.Duration(time.Hour) // does not apply to the connection to the proxy
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

// An invalid URL of a forward proxy is refused when the config is loaded, or on the call if
// it is known only then. Neither error contains its password, and nothing was sent.
func TestInvalidForwardProxies(t *testing.T) {
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

// A request that the transport itself refuses was not sent, although no connection was asked
// for.
func TestRefusalsOfTheTransportAreNotSent(t *testing.T) {
	d, r := signed(t, "http://192.0.2.1")
	_, err := newTransport(t).RoundTrip(r) //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, errPlaintext)
	failed := d.Failed(t.Context(), new(reply.Answer), err)
	assert.Equal(t, reply.NotSent, failed.Outcome)
	assert.Equal(t, "proxy_configuration_error", failed.ProxyError)
	assert.Contains(t, failed.Msg, "the operator must correct the cause")
}

// The time of the proxy is bounded from the connection to it until TLS begins with the
// gateway, or until the call has a connection, and no longer: time that the gateway takes is
// not the proxy's fault.
func TestTurnOfTheProxy(t *testing.T) {
	const within = 5 * time.Second
	connected := func(h *httptrace.ClientTrace) { h.GetConn(""); h.ConnectDone("", "", nil) }
	for name, test := range map[string]struct {
		hooks   func(*httptrace.ClientTrace)
		isBound bool
	}{
		"connected":           {connected, true},
		"not connected yet":   {func(h *httptrace.ClientTrace) { h.GetConn("") }, false},
		"not to be connected": {func(h *httptrace.ClientTrace) { h.GetConn(""); h.ConnectDone("", "", io.EOF) }, false},
		"TLS has begun":       {func(h *httptrace.ClientTrace) { connected(h); h.TLSHandshakeStart() }, false},
		"TLS with the proxy": {func(h *httptrace.ClientTrace) {
			connected(h)
			h.TLSHandshakeStart()
			time.Sleep(within / 2)
			h.TLSHandshakeDone(tls.ConnectionState{}, nil) // from now on
		}, true},
		"TLS has failed": {func(h *httptrace.ClientTrace) {
			connected(h)
			h.TLSHandshakeStart()
			h.TLSHandshakeDone(tls.ConnectionState{}, io.EOF)
		}, false},
		"there is a connection": {func(h *httptrace.ClientTrace) { connected(h); h.GotConn(httptrace.GotConnInfo{}) }, false},
		"one that comes too late": {func(h *httptrace.ClientTrace) {
			h.GetConn("")
			h.GotConn(httptrace.GotConnInfo{})
			h.ConnectDone("", "", nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, tunnel := throughTunnel(t.Context(), within)
				conn := new(toProxy)
				tunnel.conn = conn
				test.hooks(httptrace.ContextClientTrace(ctx))
				time.Sleep(within - 1)
				synctest.Wait()
				assert.NoError(t, ctx.Err())
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				assert.Equal(t, test.isBound, ctx.Err() != nil)
				assert.Equal(t, test.isBound, conn.isClosed)
				assert.Equal(t, test.isBound, strings.Contains(tunnel.explain(io.EOF).Error(), "the forward proxy"))
			})
		})
	}
}

// toProxy is a connection that records whether it was closed.
type toProxy struct {
	net.Conn
	isClosed bool
}

func (c *toProxy) Close() error {
	c.isClosed = true
	return nil
}

// A failed attempt is over, and so is its bound: net/http may continue to set up the
// connection for another attempt.
func TestTurnEndsWithTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, tunnel := throughTunnel(t.Context(), time.Second)
		conn := new(toProxy)
		tunnel.conn = conn
		hooks := httptrace.ContextClientTrace(ctx)
		hooks.GetConn("")
		hooks.ConnectDone("", "", nil)
		assert.ErrorContains(t, tunnel.explain(io.EOF), "the forward proxy did not lead the connection to the gateway")
		assert.ErrorIs(t, context.Cause(ctx), context.Canceled)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.False(t, conn.isClosed)
	})
}

// A connection that is established after its call has given up is kept for other calls, as
// usual in net/http. It is not closed during the next call.
func TestConnectionThatComesTooLate(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	secure.StartTLS()
	secure.Close()
	transport := newTransport(t, func(transport *Transport) {
		transport.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"http://proxy.example:3128"}`)
		transport.DialTimeout = caddy.Duration(5 * time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		transport.connections.model.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // not what this test is about
		transport.connections.model.DialContext = dialInTunnel(func(ctx context.Context, network, address string) (net.Conn, error) {
			near, far := net.Pipe()
			go leadToGateway(far, secure.TLS)
			time.Sleep(2 * time.Second)
			httptrace.ContextClientTrace(ctx).ConnectDone(network, address, nil) // net.Dialer calls it too
			return near, nil
		})
		transport.connections.replace()

		_, r := signed(t, "https://gateway.example")
		impatient, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		_, err := transport.RoundTrip(r.WithContext(impatient)) //nolint:bodyclose // there is no answer
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(2 * time.Second)

		_, r = signed(t, "https://gateway.example")
		isKept := false
		trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { isKept = got.Reused }}
		answer, err := transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.True(t, isKept)
		transport.connections.closeIdle()
	})
}

// leadToGateway plays a proxy and the gateway behind it, which is slow to answer once.
func leadToGateway(conn net.Conn, config *tls.Config) {
	defer conn.Close()
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	gateway := tls.Server(conn, config)
	defer gateway.Close()
	requests := bufio.NewReader(gateway)
	r, err := http.ReadRequest(requests)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	time.Sleep(20 * time.Second)
	_, _ = io.WriteString(gateway, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	_, _ = http.ReadRequest(requests) // until the connection is closed
}

// A call goes to the proxy, and through it to the gateway, although a reverse proxy has
// chosen the gateway's address.
func TestCallsGoToTheProxy(t *testing.T) {
	proxy := testnet.Serve(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	})
	nobody := httptest.NewServer(nil)
	nobody.Close()
	transport := newTransport(t, func(transport *Transport) {
		transport.NetworkProxyRaw = json.RawMessage(`{"from":"url","url":"http://` + proxy + `"}`)
	})
	_, r := signed(t, "https://gateway.example")
	_, err := transport.RoundTrip(dialing(r, "tcp", nobody.Listener.Addr().String())) //nolint:bodyclose // there is no answer
	assert.ErrorContains(t, err, "status 407")
}

// An error from the function that chooses the proxy may contain its password, and is not
// passed on.
func TestErrorsOfOtherChoicesAreNotShown(t *testing.T) {
	transport := newTransport(t)
	choose := func(*http.Request) (*url.URL, error) { return nil, errors.New("CANARY") }
	transport.Transport.Proxy, transport.connections.model.Proxy = choose, choose
	transport.connections.replace()
	d, r := signed(t, "https://gateway.example")
	_, err := transport.RoundTrip(r) //nolint:bodyclose // there is no answer
	assert.ErrorIs(t, err, errNotAProxy)
	assert.True(t, d.MayRetry(), "nothing was sent")
}
