package payermax

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// call is one request of the application's on its way.
type call struct {
	// id tells the call from others, in the log and in the answer.
	id       string
	received time.Time
	trace    trace.SpanContext // that surrounds the call, if it is valid
	// bodyRead is set once the application's body was read to its end.
	bodyRead bool
	// inFlight is set once the call has its place among those in flight.
	inFlight bool
	// end ends the call's context, and givenUp is set if that was because the
	// process ends.
	end     context.CancelFunc
	givenUp atomic.Bool
	// sent is what was last given to the next handler, and recorded whether the
	// call has its line in the log. Others than the handler may ask, and write it.
	sent     lastSent
	recorded atomic.Bool

	route route
	// retryRepeatable is the handler's option.
	retryRepeatable bool

	caller   *caller // nil if there are no callers to tell apart
	merchant *merchant
	keys     *keys
	// warned are the rules that the request broke and was signed all the same.
	warned []validate.Violation
	// shadow says how the application's own signature compares, in shadow mode.
	shadow string
	// sandbox says that a sandbox answers, and not PayerMax.
	sandbox bool

	// exchange is the present one.
	*exchange
}

// newCall begins a call. All of its time, timeout, counts from here.
func (h *Handler) newCall(r *http.Request) *call {
	id, _ := replacer(r.Context()).GetString("http.request.uuid")
	return &call{
		id: id, received: time.Now(), trace: trace.SpanContextFromContext(r.Context()),
		retryRepeatable: h.RetryRepeatable, sandbox: h.Sandbox, exchange: new(exchange),
	}
}

// exchange is one signed request to the gateway: signed here, carried by the
// transport, answered by the gateway.
type exchange struct {
	body        []byte
	signature   string
	requestTime time.Time
	fingerprint string        // of the key that signed
	signing     time.Duration // the time that took
	// authToken is a service provider's, or "".
	authToken string
	// sign stamps and signs once more, for another attempt. It is nil if the
	// sidecar is not the one who signs.
	sign     func(context.Context) error
	attempts int

	// connecting is set once a connection to the gateway was asked for, and
	// written once the request's header may have gone out on it. Together they
	// tell a request that certainly was not sent from one that may have been.
	connecting, written atomic.Bool
	// connectError is why there is no connection. The reverse proxy's own error
	// does not let on.
	connectError atomic.Pointer[error]
	// handshakeFailed is set if there is a connection, but no TLS on it.
	handshakeFailed atomic.Bool
	// firstByte is when the answer began.
	firstByte atomic.Pointer[time.Time]

	upstream time.Duration // the time the gateway took
	// answerSign is the answer's sign header, which the transport takes out of
	// the reach of debug logs.
	answerSign  []string
	gatewayCode string // the code of the answer, or "" if it has none
	found       string // what the check of the answer found
}

// callKey is the context key of the *call.
type callKey struct{}

// callFrom returns the call that the handler put into the context, or nil.
func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// send hands the call to the next handler and returns the gateway's answer.
func (h *Handler) send(c *call, r *http.Request, next caddyhttp.Handler) (answered *answer, err error) {
	ctx := r.Context()
	if err := h.beginSending(ctx, c); err != nil {
		return nil, notSentInTime(err)
	}
	received := &answer{header: make(http.Header)}
	defer func() {
		// A reverse proxy that has begun to pass on an answer and cannot finish
		// it aborts by this panic. Nothing has reached the application yet, so
		// it can still be told.
		if cause := recover(); cause == http.ErrAbortHandler {
			answered, err = nil, c.failed(ctx, received, http.ErrAbortHandler)
		} else if cause != nil {
			h.recordCutOff(c, errors.New("a handler panicked"))
			panic(cause)
		}
	}()

	if h.sandbox != nil {
		next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			h.sandbox.ServeHTTP(w, r)
			return nil
		})
	}
	ctx, span := c.startSpan(ctx, "upstream")
	began := time.Now()
	defer func() {
		c.upstream = time.Since(began)
		observe(c.trace, processMetrics.upstream.WithLabelValues(c.route.name), c.upstream.Seconds())
		endSpan(span, err)
	}()
	seen := newWitness(received)
	err = next.ServeHTTP(seen, c.outgoing(ctx, r, h.Shadow))
	if err == nil && seen.isSilent() && !c.connecting.Load() {
		return nil, nothingSends()
	}
	// A reverse proxy whose client has gone away answers 499 without an error.
	clientGone := received.status == statusClientClosedRequest && ctx.Err() != nil
	if err != nil || received.status == 0 || clientGone {
		return nil, c.failed(ctx, received, err)
	}
	h.noticeSandbox(c, received.header)
	return received, nil
}

// beginSending has the call followed from now on, unless it is too late to send it.
func (h *Handler) beginSending(ctx context.Context, c *call) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !callsUnderWay.begin(c, h) {
		return errProcessEnds
	}
	return nil
}

// outgoing returns the request to the gateway. It is made anew rather than
// changed, from nothing of the application's but the body: whatever header,
// trailer, coding or query the application sent cannot touch what was signed.
//
// In shadow mode the application's headers go out as well, as they would
// without the sidecar.
func (c *call) outgoing(ctx context.Context, r *http.Request, shadow bool) *http.Request {
	ctx = context.WithValue(ctx, callKey{}, c)
	ctx = httptrace.WithClientTrace(ctx, c.watch())

	out := r.WithContext(ctx)
	out.Method = http.MethodPost
	path := c.route.path()
	out.URL = &url.URL{Path: path}
	out.RequestURI = path
	out.Header = make(http.Header)
	if shadow {
		out.Header = r.Header.Clone()
		delete(out.Header, "Connection") // or it could take the signature away
		delete(out.Header, "Expect")     // the body is here already
	}
	fields := [...]struct{ name, value string }{
		{"Accept", "application/json"},
		{"Accept-Encoding", "identity"}, // what PayerMax signs is the plain body
		{"Content-Length", strconv.Itoa(len(c.body))},
		{"Content-Type", "application/json"},
		{"User-Agent", proxyName},
	}
	values := make([]string, len(fields))
	for i, field := range fields {
		values[i] = field.value
		out.Header[field.name] = values[i : i+1 : i+1] // cut off, so that appending to one leaves the next alone
	}
	c.authenticate(out.Header)
	out.Body = io.NopCloser(bytes.NewReader(c.body))
	out.ContentLength = int64(len(c.body))
	out.TransferEncoding = nil
	out.Trailer = nil
	// Without GetBody, net/http never sends the body a second time.
	out.GetBody = nil
	return out
}

// authenticate sets the header fields that must appear in no log.
func (c *call) authenticate(header http.Header) {
	removeAuthentication(header)
	if c.signature != "" {
		header["Sign"] = []string{c.signature}
	}
	if c.authToken != "" {
		header[authTokenHeader] = []string{c.authToken}
	}
}

// removeAuthentication removes the fields that authenticate sets. The token's
// may have become canonical on its way through a server or a reverse proxy.
func removeAuthentication(header http.Header) {
	delete(header, "Sign")
	delete(header, authTokenHeader)
	delete(header, canonicalAuthTokenHeader)
}

// gatewayKeys are those that PayerMax's answer may be signed with, if any.
func (c *call) gatewayKeys() []*rsa.PublicKey {
	if c.keys == nil {
		return nil
	}
	return c.keys.gateway
}

// watch notes how far the call gets.
func (c *call) watch() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { c.connecting.Store(true) },
		WroteHeaders: func() { c.written.Store(true) },
		GotFirstResponseByte: func() {
			now := time.Now()
			c.firstByte.Store(&now)
		},
		DNSDone:     func(info httptrace.DNSDoneInfo) { c.cannotConnect(info.Err) },
		ConnectDone: func(_, _ string, err error) { c.cannotConnect(err) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			c.cannotConnect(err)
			c.handshakeFailed.Store(err != nil)
		},
	}
}

// cannotConnect notes why there is no connection, if err is not nil.
func (c *call) cannotConnect(err error) {
	if err != nil {
		c.connectError.Store(&err)
	}
}
