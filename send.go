package payermax

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/wire"
)

// send hands what is signed to the next handler and returns the gateway's answer.
func (h *Handler) send(c *call, d *delivery, r *http.Request, next caddyhttp.Handler) (answered *reply.Answer, err error) {
	ctx := r.Context()
	if err := h.beginSending(ctx, c, d); err != nil {
		return nil, notSentInTime(err)
	}
	received := &reply.Answer{Room: func() bool { return c.place.grow(h.MaxInFlight) }}
	defer func() {
		// A reverse proxy that has begun to pass on an answer and cannot finish
		// it aborts by this panic. Nothing has reached the application yet, so
		// it can still be told.
		if cause := recover(); cause == http.ErrAbortHandler {
			answered, err = nil, d.failed(ctx, received, http.ErrAbortHandler)
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
	defer func() {
		observe(c.trace, processMetrics.upstream.WithLabelValues(c.route.Name), time.Since(d.began).Seconds())
		endSpan(span, err)
	}()
	seen := reply.NewWitness(received)
	err = next.ServeHTTP(seen, d.outgoing(ctx, r, h.Shadow))
	if err == nil && seen.IsSilent() && !d.connecting.Load() {
		return nil, nothingSends()
	}
	// A reverse proxy whose client has gone away answers 499 without an error.
	clientGone := received.Status == statusClientClosedRequest && ctx.Err() != nil
	if err != nil || received.Status == 0 || clientGone {
		return nil, d.failed(ctx, received, err)
	}
	if d.answerStatus != 0 {
		received.Status = d.answerStatus
	}
	return received, nil
}

// beginSending has the call followed from now on, unless it is too late to send it.
func (h *Handler) beginSending(ctx context.Context, c *call, d *delivery) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.sent.Store(d)
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
func (d *delivery) outgoing(ctx context.Context, r *http.Request, shadow bool) *http.Request {
	ctx = wire.With(ctx, d)
	ctx = httptrace.WithClientTrace(ctx, d.watch())

	out := r.WithContext(ctx)
	out.URL = new(url.URL) // whose path is the endpoint's
	out.RequestURI = d.endpoint.Path()
	out.Header = make(http.Header)
	if shadow {
		out.Header = r.Header.Clone()
	}
	d.signed.Load().Pin(out)
	return out
}
