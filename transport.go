package payermax

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	caddy.RegisterModule(new(Transport))
}

const (
	defaultDialTimeout = 5 * time.Second
	// defaultIdleTimeout is shorter than any common gateway's, so that a
	// request seldom meets a connection that is just being closed.
	defaultIdleTimeout = 30 * time.Second
	// defaultMaxAnswerHeader is ample for an API's answer; Caddy's own default
	// is 10 MiB.
	defaultMaxAnswerHeader = 64 << 10
)

var (
	errUnsigned  = errors.New("refusing to send a request that no payermax handler has signed")
	errSentTwice = errors.New("refusing to send a signed request again after it may have been received")
	errPlaintext = errors.New("refusing to send a signed request in plain text to another machine; use https")
)

// Transport is Caddy's `http` transport with the last word on a signed call. It
// sends exactly the bytes that were signed, at most once, and nothing that no
// `payermax` handler has signed; it takes only `https`, except to this machine.
// The signatures of request and answer pass by the reverse proxy's debug log.
//
// All options of the `http` transport are available. These defaults differ:
// `dial_timeout` is 5s, `keepalive` (idle) 30s, `max_response_header` 64 KiB,
// no compression is asked for, and `HTTP_PROXY` and its like are ignored
// (`network_proxy none`), since an environment variable should not decide where
// payments go. The `Host` header is the gateway's, and `Via` and
// `X-Forwarded-*` are not sent.
type Transport struct {
	reverseproxy.HTTPTransport
}

// CaddyModule returns the Caddy module information.
func (*Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.payermax",
		New: func() caddy.Module { return new(Transport) },
	}
}

// Provision sets the defaults that differ and provisions the http transport.
func (t *Transport) Provision(ctx caddy.Context) error {
	if t.DialTimeout == 0 {
		t.DialTimeout = caddy.Duration(defaultDialTimeout)
	}
	if t.KeepAlive == nil {
		t.KeepAlive = new(reverseproxy.KeepAlive)
	}
	if t.KeepAlive.IdleConnTimeout == 0 {
		t.KeepAlive.IdleConnTimeout = caddy.Duration(defaultIdleTimeout)
	}
	if t.MaxResponseHeaderSize == 0 {
		t.MaxResponseHeaderSize = defaultMaxAnswerHeader
	}
	if t.Compression == nil {
		t.Compression = new(bool)
	}
	if t.NetworkProxyRaw == nil && t.ForwardProxyURL == "" {
		t.NetworkProxyRaw = json.RawMessage(`{"from":"none"}`)
	}
	return t.HTTPTransport.Provision(ctx)
}

// RequestHeaderOps makes Host the gateway's and removes what the reverse proxy
// adds about the application.
func (t *Transport) RequestHeaderOps() *headers.HeaderOps {
	return &headers.HeaderOps{
		Set:    http.Header{"Host": {"{http.reverse_proxy.upstream.hostport}"}},
		Delete: []string{"Via", "X-Forwarded-*"},
	}
}

// RoundTrip sends the signed call that the request's context carries. If it
// fails, the placeholder `{payermax.may_retry}` tells the reverse proxy whether
// another attempt may be made.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := callFrom(r.Context())
	if c == nil {
		return t.probe(r)
	}
	answer, err := t.send(c, r)
	if err != nil {
		replacer(r.Context()).Set("payermax.may_retry", c.mayRetry())
		return nil, err
	}
	c.answerSign = answer.Header["Sign"]
	delete(answer.Header, "Sign")
	return answer, nil
}

// send makes one attempt.
func (t *Transport) send(c *call, r *http.Request) (*http.Response, error) {
	// Where a reverse proxy copies the header for each attempt, this is the
	// attempt's own copy; what authenticates must not be in it when it is logged,
	// whatever becomes of the attempt.
	out, address := r.WithContext(r.Context()), *r.URL
	out.URL = &address                // whose scheme is this attempt's
	out.Header = maps.Clone(r.Header) // whose values nobody changes
	removeAuthentication(r.Header)
	t.SetScheme(out)
	if !isPrivate(out) {
		return nil, errPlaintext
	}
	if !c.mayRetry() {
		return nil, errSentTwice
	}
	if c.attempts++; c.attempts > 1 && c.sign != nil {
		if err := c.sign(r.Context()); err != nil {
			return nil, err
		}
	}

	c.authenticate(out.Header)
	out.Body = io.NopCloser(bytes.NewReader(c.body))
	out.ContentLength = int64(len(c.body))
	out.GetBody = nil
	out.Trailer = nil
	out.Host = withoutDefaultPort(out.Host, out.URL.Scheme)
	answer, err := t.HTTPTransport.RoundTrip(out)
	if err != nil {
		return nil, discreet(err)
	}
	return answer, nil
}

// mayRetry reports whether the call may be sent, once more or for the first
// time: nothing of it was written yet, or it may be received twice.
func (c *call) mayRetry() bool {
	return !c.written.Load() || c.retryRepeatable && c.route.repeatable
}

// discreet keeps what the gateway sent out of an error that may be logged:
// net/http quotes what it cannot read, which is the answer to somebody's payment.
func discreet(err error) error {
	_, isNetwork := errors.AsType[net.Error](err)
	_, isDial := errors.AsType[reverseproxy.DialError](err)
	switch {
	case isNetwork, isDial, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return err
	}
	return unreadable{err}
}

// unreadable is an error of the exchange whose text is not repeated.
type unreadable struct{ cause error }

func (unreadable) Error() string {
	return "the exchange with the gateway failed, or its answer is not HTTP"
}

func (u unreadable) Unwrap() error { return u.cause }

// probe sends what a reverse proxy asks on its own account, such as an active
// health check. It has no body, so it cannot be a call that lost its signature.
func (t *Transport) probe(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, errUnsigned
	}
	return t.HTTPTransport.RoundTrip(r)
}

// isPrivate reports whether nobody between here and the gateway can read the
// call: it is encrypted, or it stays on this machine.
func isPrivate(r *http.Request) bool {
	if r.URL.Scheme == "https" {
		return true
	}
	if to, ok := reverseproxy.GetDialInfo(r.Context()); ok && strings.HasPrefix(to.Network, "unix") {
		return true
	}
	return isLoopback(r.URL.Hostname())
}

// isLoopback reports whether host is this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// withoutDefaultPort removes the port that the scheme implies anyway, as
// clients other than proxies send it.
func withoutDefaultPort(hostport, scheme string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || !(port == "443" && scheme == "https" || port == "80" && scheme == "http") {
		return hostport
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// Interface guards
var (
	_ caddy.Provisioner                      = (*Transport)(nil)
	_ http.RoundTripper                      = (*Transport)(nil)
	_ reverseproxy.TLSTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport = (*Transport)(nil)
)
