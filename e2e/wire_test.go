package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// These header fields, codings and forms of requests make other signing proxies send a call without
// a signature, with two of them, or with one that does not cover what is sent. Here each of these
// calls is sent with its signature, and carries nothing that the application added:
// upstream.requireSigned checks that.
func TestWire(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	foreign := sign(testkeys.Stranger(), []byte("x"))
	for name, make := range map[string]func(body string) string{
		"Connection: sign":           with("Connection: sign"),
		"Connection with several":    with("Connection: close, Sign, Content-Type"),
		"Connection twice":           with("Connection: keep-alive", "Connection: SIGN, Host, Content-Length"),
		"Proxy-Connection":           with("Proxy-Connection: sign"),
		"Keep-Alive":                 with("Connection: keep-alive, Keep-Alive", "Keep-Alive: timeout=5"),
		"sign of the application's":  with("sign: " + foreign),
		"Sign":                       with("Sign: " + foreign),
		"SIGN":                       with("SIGN: " + foreign),
		"sign twice":                 with("sign: "+foreign, "sign: "+foreign),
		"sign thrice, in all cases":  with("sign: a", "Sign: b", "SIGN: c"),
		"empty sign":                 with("sign: "),
		"X_Sign":                     with("X_Sign: " + foreign),
		"sign_":                      with("sign_: " + foreign),
		"si.gn":                      with("si.gn: " + foreign),
		"sign, also in Connection":   with("sign: "+foreign, "Connection: sign"),
		"TE":                         with("TE: trailers", "Connection: TE"),
		"Idempotency-Key":            with("Idempotency-Key: x", "X-Idempotency-Key: x"),
		"Cookie and Authorization":   with("Cookie: session=1", "Authorization: Bearer x", "Proxy-Authorization: Basic eDp5"),
		"X-Forwarded":                with("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "Via: 1.1 evil"),
		"Host override":              with("Host: evil.example", "X-Forwarded-Host: evil.example", "X-Original-URL: /evil", "X-Rewrite-URL: /evil"),
		"Accept-Encoding":            with("Accept-Encoding: gzip, br, zstd", "Range: bytes=0-1"),
		"Content-Encoding: identity": with("Content-Encoding: identity"),
		"Content-Type with charset":  with("Content-Type: application/json; charset=UTF-8"),
		"Content-Type twice":         with("Content-Type: application/json", "Content-Type: text/plain"),
		"Content-MD5 and Digest":     with("Content-MD5: x", "Digest: sha-256=x", "Trailer: sign"),
		"Upgrade: websocket":         with("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"),
		"Upgrade: h2c":               with("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
		"X-HTTP-Method-Override":     with("X-HTTP-Method-Override: DELETE", "X-Method-Override: PUT"),
		"Expect: 100-continue":       with("Expect: 100-continue"),
		"B3 and traceparent":         with("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "baggage: a=b"),
		"placeholders":               with("X-A: {env.HOME}", "Referer: {http.request.body}"),
		"folded line":                with("X-A: b\r\n sign: x"),
		"many fields":                with(slices.Repeat([]string{"X-Many: sign"}, 500)...),
		"chunked":                    func(body string) string { return postChunked(body, 7) },
		"chunked byte by byte":       func(body string) string { return postChunked(body, 1) },
		"chunk extensions":           func(body string) string { return strings.Replace(postChunked(body, 4096), "\r\n{", ";sign=x\r\n{", 1) },
		"Transfer-Encoding and Content-Length": func(body string) string {
			return post(chunked(body, 9), "Content-Length: 5", "Transfer-Encoding: chunked")
		},
		"trailers": func(body string) string {
			return post(chunked(body, 9, "sign: "+foreign, "X-Trailer: 1"),
				"Content-Length:", "Transfer-Encoding: chunked", "Trailer: sign, X-Trailer", "TE: trailers")
		},
		"Expect and chunked": func(body string) string { return postChunked(body, 9, "Expect: 100-continue") },
		"absolute form": func(body string) string {
			return requestWith("POST http://evil.example:81"+endpointPath+" HTTP/1.1", body, "Host: evil.example:81")
		},
		"absolute form, hosts differ": func(body string) string {
			return requestWith("POST http://evil.example"+endpointPath+" HTTP/1.1", body, "Host: other.example")
		},
		"empty query": func(body string) string { return requestWith("POST "+endpointPath+"? HTTP/1.1", body) },
		"HTTP/1.0":    func(body string) string { return requestWith("POST "+endpointPath+" HTTP/1.0", body) },
		"HTTP/1.0 keep-alive": func(body string) string {
			return requestWith("POST "+endpointPath+" HTTP/1.0", body, "Connection: keep-alive")
		},
		"HTTP/1.0 without Host": func(body string) string { return requestWith("POST "+endpointPath+" HTTP/1.0", body, "Host:") },
	} {
		t.Run(name, func(t *testing.T) {
			block, user := data()
			requireSuccess(t, s.send(t, make(`{"data":`+block+`}`)))
			calls := gateway.about(user)
			require.Len(t, calls, 1)
			assert.Equal(t, block, string(readEnvelope(t, calls[0]).Data))
		})
	}
}

// with returns a function that makes requests with these header lines.
func with(fields ...string) func(body string) string {
	return func(body string) string { return post(body, fields...) }
}

// What is not HTTP at all never gets past the server, whatever the server answers.
func TestBrokenHTTP(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	body := validBody()
	for name, raw := range map[string]string{
		"two lengths":              post(body, "Content-Length: 5", "Content-Length: 6"),
		"negative length":          post(body, "Content-Length: -5"),
		"length with sign":         post(body, "Content-Length: +5"),
		"unknown coding":           post(body, "Content-Length:", "Transfer-Encoding: gzip"),
		"chunked twice":            post(chunked(body, 9), "Content-Length:", "Transfer-Encoding: chunked, chunked"),
		"disguised coding":         post(chunked(body, 9), "Content-Length:", "Transfer-Encoding: \x0bchunked"),
		"space before the colon":   post(body, "sign : x"),
		"bare CR in a value":       post(body, "X-A: b\rsign: x"),
		"NUL in a value":           post(body, "X-A: b\x00c"),
		"no host":                  post(body, "Host:"),
		"two hosts":                post(body, "Host: a", "Host: b"),
		"HTTP/3.0":                 requestWith("POST "+endpointPath+" HTTP/3.0", body),
		"space in the target":      requestWith("POST "+endpointPath+" x HTTP/1.1", body),
		"authority form":           requestWith("CONNECT 127.0.0.1:80 HTTP/1.1", body),
		"asterisk form":            requestWith("OPTIONS * HTTP/1.1", body),
		"enormous header":          post(body, "X-Large: "+strings.Repeat("x", 2<<20)),
		"HTTP/2 without agreement": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			defer c.conn.Close()
			res, err := c.roundTrip(raw)
			if err == nil && name != "asterisk form" { // the server answers this one itself
				assert.GreaterOrEqual(t, res.status, 400, "%s", res.raw)
			}
			gateway.requireUntouched(t)
		})
	}
	requireSuccess(t, s.post(t, validBody()))
}

// Two requests on one connection are two calls, and what follows a request's body is not part of
// it.
func TestPipelining(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	c := s.dial(t)
	defer c.conn.Close()
	first, second := validBody(), validBody()
	requireSuccess(t, c.send(t, post(first)+postChunked(second, 9, "Connection: sign")))
	requireSuccess(t, c.send(t, ""))
	require.Len(t, gateway.received(), 2)
}
