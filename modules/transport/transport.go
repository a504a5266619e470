// Package transport is the last stage of a signed call: the transport of a reverse proxy that
// sends exactly what was signed, at most once.
package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() {
	caddy.RegisterModule(new(Transport))
}

const (
	defaultDialTimeout = 5 * time.Second
	// defaultHandshakeTimeout is for TLS what defaultDialTimeout is for TCP: a gateway that
	// accepts connections and then stays silent is given up as quickly.
	defaultHandshakeTimeout = 5 * time.Second
	// defaultIdleTimeout is shorter than any common gateway's, so that a request rarely uses
	// a connection that the gateway is about to close.
	defaultIdleTimeout = 30 * time.Second
	// defaultMaxAnswerHeader is ample for an API's answer. Caddy's own default is 10 MiB.
	defaultMaxAnswerHeader = 64 << 10
)

var (
	errUnsigned  = errors.New("refusing to send a request that no payermax handler signed")
	errSentTwice = errors.New("refusing to send a signed request again after it may have been received")
	errKeyItself = errors.New("tls_client_auth: the path of the key's file is expected, but the value looks like a key itself; save the key to a file and write its path")
	errPlaintext = cause.Misconfigured("refusing to send a signed request in plain text to another machine; use https")
)

// Transport is Caddy's `http` transport with safeguards for signed calls. It sends only
// what a `payermax` handler has signed: exactly those bytes, at most once, and only
// over `https`, except to this machine. It keeps the signatures of request and answer
// out of the reverse proxy's debug log.
//
// It has all options of the `http` transport. These defaults differ: `dial_timeout` is 5s,
// `tls_timeout` 5s, `keepalive` (idle) 30s, `versions` 1.1, `max_response_header` 64 KiB, and
// compression is off. `HTTP_PROXY` and similar variables are ignored (`network_proxy none`),
// since an environment variable should not decide where payments go. The `Host` header is the
// gateway's, unless `header_up Host` sets another, and `Via` and `X-Forwarded-*` are not
// sent.
//
// To use a forward proxy, name it with `network_proxy url` and a URL of the scheme
// `http`, `https`, `socks5` or `socks5h`. If the URL has a password, keep it in a file:
// `network_proxy url {file./run/secrets/proxy}`. The proxy has `dial_timeout` to accept
// a connection, and as long again to connect to the gateway.
//
// By default, a connection carries one call at a time, so a connection that dies
// silently costs one call. The idle connections are then closed, since they may have
// died too. With `versions 1.1 2`, many calls share a connection. If it is silent for
// four seconds, it gets a ping. Without an answer within five more seconds, it is
// closed, with all calls on it. Connections are replaced every five minutes, or after
// ten times `keepalive` if that is sooner, so that a change of the gateway's address in
// DNS is noticed under load too. With HTTP/3 (`versions 3`), connections are neither
// pinged nor replaced.
type Transport struct {
	reverseproxy.HTTPTransport

	connections *connections
}

// CaddyModule returns the Caddy module information.
func (*Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.payermax",
		New: func() caddy.Module { return new(Transport) },
	}
}

// UnmarshalCaddyfile sets up the transport from Caddyfile tokens. The options are those of
// Caddy's http transport. No error quotes an option's value.
func (t *Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	ahead := *d
	ahead.Next()
	options := grammar.Ahead(&ahead)
	if err := checkNamed(caddyfile.NewDispenser(options)); err != nil {
		return err
	}
	return grammar.Discreet(t.HTTPTransport.UnmarshalCaddyfile(d), options)
}

// Provision sets the defaults that differ from Caddy's and provisions the http transport.
func (t *Transport) Provision(ctx caddy.Context) error {
	if len(t.Versions) == 0 {
		t.Versions = []string{"1.1"}
	}
	if t.TLS != nil && t.TLS.HandshakeTimeout == 0 {
		t.TLS.HandshakeTimeout = caddy.Duration(defaultHandshakeTimeout)
	}
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
	if err := proxies.CheckRaw(t.NetworkProxyRaw); err != nil {
		return fmt.Errorf("network_proxy: %w", err)
	}
	proxy, hasProxy := t.configuredProxy()
	if hasProxy {
		if err := checkProxy(proxy); err != nil {
			return err
		}
	}
	if t.TLS != nil && signer.LooksLikeKey(t.TLS.ClientCertificateKeyFile) {
		return errKeyItself
	}
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	if hasProxy {
		t.Transport.Proxy = viaProxy(proxy)
	}
	if hasPassword(proxy) {
		ctx.Logger().Warn("network_proxy has a password in the config, which is saved and shown; " +
			"put the URL into a file or a variable, and write network_proxy url {file.PATH} or {env.NAME}")
	}
	if t.TLS != nil && t.TLS.InsecureSkipVerify {
		ctx.Logger().Warn("tls_insecure_skip_verify is on: the sidecar does not check that PayerMax gets the calls; " +
			"remove it, and trust your own authority with tls_trust_pool")
	}
	t.Transport.OnProxyConnectResponse = cause.CheckConnected
	t.Transport.DialContext = dialInTunnel(t.Transport.DialContext)
	t.connections = newConnections(t.Transport, t.Versions)
	return nil
}

// Cleanup closes idle connections. Calls in flight finish.
func (t *Transport) Cleanup() error {
	if t.connections != nil {
		t.connections.closeIdle()
	}
	return t.HTTPTransport.Cleanup()
}

// RequestHeaderOps sets Host to the gateway's host and removes what the reverse proxy adds
// about the application.
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
	d := delivery.From(r.Context())
	if d == nil {
		return t.probe(r)
	}
	answer, err := t.send(d, r)
	if err != nil {
		r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("payermax.may_retry", d.MayRetry())
		return nil, err
	}
	d.Conceal(answer)
	return answer, nil
}

// send makes one attempt to send the call.
func (t *Transport) send(d *delivery.Delivery, r *http.Request) (*http.Response, error) {
	d.Enter()
	// Where a reverse proxy copies the header for each attempt, this is the attempt's own
	// copy. The reverse proxy may log it, so anything that authenticates must be removed from
	// it, whatever the outcome of the attempt.
	out, address := r.WithContext(r.Context()), *r.URL
	out.URL = &address                // its scheme belongs to this attempt
	out.Header = maps.Clone(r.Header) // its values are never modified
	delivery.RemoveAuthentication(r.Header)
	t.SetScheme(out)
	attempt, proxy, err := t.begin(d, out)
	if err != nil {
		return nil, err
	}
	attempt.Pin(out)
	out.Host = delivery.WithoutDefaultPort(out.Host, out.URL.Scheme)
	if attempt.Trace != nil {
		out = out.WithContext(httptrace.WithClientTrace(out.Context(), attempt.Trace))
	}
	var through *tunnel
	if proxy != nil {
		ctx, tunnel := throughTunnel(out.Context(), time.Duration(t.DialTimeout))
		out, through = out.WithContext(ctx), tunnel
	}
	began := time.Now()
	doubt := time.AfterFunc(doubtAfter, func() { t.connections.doubt(attempt) })
	answer, err := t.roundTrip(out)
	doubt.Stop()
	if err != nil {
		if isSuspect(r.Context(), attempt, began) {
			t.connections.closeIdle()
		}
		if through != nil {
			err = through.explain(err)
		}
		return nil, cause.Discreet(err)
	}
	if answer.StatusCode < http.StatusContinue {
		answer.Body.Close()
		return nil, cause.NoStatus()
	}
	if d.MayRetry() {
		return whole(answer)
	}
	return answer, nil
}

// begin begins an attempt, unless the request must not be sent. It returns the forward proxy
// that leads to the gateway, or nil.
func (t *Transport) begin(d *delivery.Delivery, out *http.Request) (attempt delivery.Attempt, proxy *url.URL, err error) {
	proxy, err = t.proxyOf(out)
	switch {
	case err != nil:
	case !isPrivate(out, proxy):
		err = errPlaintext
	case !d.MayRetry():
		err = errSentTwice
	default:
		attempt, err = d.Attempt(out.Context())
	}
	return attempt, proxy, err
}

// whole reads an answer before the reverse proxy sees it, since the reverse proxy makes no
// further attempt after that. Anything beyond reply.AnswerStep is left to be read later.
func whole(answer *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, reply.AnswerStep))
	if err != nil {
		answer.Body.Close()
		if answer.Request.Context().Err() == nil {
			err = cause.BrokenOff(err)
		}
		return nil, cause.Discreet(err)
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), answer.Body), answer.Body}
	return answer, nil
}

// roundTrip sends a request on one of the connections.
func (t *Transport) roundTrip(r *http.Request) (*http.Response, error) {
	if slices.Contains(t.Versions, "3") {
		return t.HTTPTransport.RoundTrip(r)
	}
	return t.connections.present().RoundTrip(r)
}

// probe sends a request that the reverse proxy makes for itself, such as an active health
// check. It has no body, so it cannot be a call that has lost its signature.
func (t *Transport) probe(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, errUnsigned
	}
	t.SetScheme(r)
	return t.roundTrip(r)
}

// isPrivate reports whether nobody between here and the gateway can read the call: it is
// encrypted, or it stays on this machine. A forward proxy would see a call to this machine in
// plain text, so the proxy must be on this machine as well.
func isPrivate(r *http.Request, proxy *url.URL) bool {
	if r.URL.Scheme == "https" {
		return true
	}
	if to, ok := reverseproxy.GetDialInfo(r.Context()); ok && strings.HasPrefix(to.Network, "unix") {
		return true
	}
	return protocol.IsLoopback(r.URL.Hostname()) && (proxy == nil || protocol.IsLoopback(proxy.Hostname()))
}

// Interface guards
var (
	_ caddy.Provisioner                      = (*Transport)(nil)
	_ caddy.CleanerUpper                     = (*Transport)(nil)
	_ caddyfile.Unmarshaler                  = (*Transport)(nil)
	_ http.RoundTripper                      = (*Transport)(nil)
	_ reverseproxy.TLSTransport              = (*Transport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport = (*Transport)(nil)
)
