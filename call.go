package payermax

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/keys"
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
	// there is when that was, until the request is signed for the first time.
	there time.Time
	// inFlight is set once the call has its place among those in flight.
	inFlight bool
	// largeness is how many places its answer has among those that are large.
	largeness int
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
	keys     keys.Generation
	// warned are the rules that the request broke and was signed all the same.
	warned []validate.Violation
	// disputed are those that something else of PayerMax's contradicts.
	disputed []validate.Dispute
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

	// flight is how far it gets, over all attempts, and attempt how far the present
	// one does if it is not the first.
	flight
	attempt *flight

	upstream time.Duration // the time the gateway took
	// answerSign is the answer's sign header, which the transport takes out of
	// the reach of debug logs.
	answerSign []string
	// answerStatus is the answer's status, as it was before anybody could change
	// it, or 0.
	answerStatus int
	gatewayCode  string // the code of the answer, or "" if it has none
	found        string // what the check of the answer's signature found
}

// present returns how far the present attempt gets.
func (e *exchange) present() *flight {
	if e.attempt != nil {
		return e.attempt
	}
	return &e.flight
}

// callKey is the context key of the *call.
type callKey struct{}

// callFrom returns the call that the handler put into the context, or nil.
func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// send hands the call to the next handler and returns the gateway's answer.
func (h *Handler) send(c *call, r *http.Request, next caddyhttp.Handler) (answered *reply.Answer, err error) {
	ctx := r.Context()
	if err := h.beginSending(ctx, c); err != nil {
		return nil, notSentInTime(err)
	}
	received := &reply.Answer{Room: func() bool { return c.makeRoom(h.MaxInFlight) }}
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
		observe(c.trace, processMetrics.upstream.WithLabelValues(c.route.Name), c.upstream.Seconds())
		endSpan(span, err)
	}()
	seen := reply.NewWitness(received)
	err = next.ServeHTTP(seen, c.outgoing(ctx, r, h.Shadow))
	if err == nil && seen.IsSilent() && !c.connecting.Load() {
		return nil, nothingSends()
	}
	// A reverse proxy whose client has gone away answers 499 without an error.
	clientGone := received.Status == statusClientClosedRequest && ctx.Err() != nil
	if err != nil || received.Status == 0 || clientGone {
		return nil, c.failed(ctx, received, err)
	}
	if c.answerStatus != 0 {
		received.Status = c.answerStatus
	}
	h.noticeSandbox(c, received.Header())
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
	out.URL = new(url.URL) // whose path is the endpoint's
	out.RequestURI = c.route.Path()
	out.Header = make(http.Header)
	if shadow {
		out.Header = r.Header.Clone()
	}
	c.pin(out)
	return out
}
