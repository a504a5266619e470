package payermax

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// send hands the signed request to the next handler and returns the gateway's answer. If
// it fails, it returns the error and whatever part of the answer has arrived, which may
// be empty.
func (h *Handler) send(c *call, d *delivery.Delivery, r *http.Request, next caddyhttp.Handler) (received *reply.Answer, err error) {
	ctx := r.Context()
	received = &reply.Answer{Room: func() bool { return c.place.growth.Take(h.MaxInFlight) }}
	if err := h.beginSending(ctx, c, d); err != nil {
		return received, delivery.NotSentInTime(err)
	}
	defer func() {
		// A reverse proxy that cannot finish an answer that it has begun to pass on
		// panics with http.ErrAbortHandler. Nothing has reached the application yet, so
		// it can still get a proper refusal.
		if cause := recover(); cause == http.ErrAbortHandler {
			err = d.Failed(ctx, received, http.ErrAbortHandler)
		} else if cause != nil {
			h.recordCutOff(c, errors.New("a handler panicked"))
			panic(cause)
		}
	}()

	var header http.Header
	if h.Shadow {
		header = r.Header.Clone() // as the application would send them without the sidecar
	} else {
		header = make(http.Header)
	}
	if h.sandbox != nil {
		next = h.embeddedGateway(d, received)
	}
	ctx, span := c.startSpan(ctx, "upstream")
	defer func() {
		observe(c.trace, processMetrics.upstream.WithLabelValues(c.route.Name), d.Took().Seconds())
		endSpan(span, err)
	}()
	seen := reply.NewWitness(received)
	err = next.ServeHTTP(seen, d.Outgoing(ctx, r, header))
	if err == nil && seen.IsSilent() && !d.IsConnecting() {
		return received, nothingSends()
	}
	// A reverse proxy whose client has gone away answers 499 without an error.
	clientGone := received.Status == delivery.StatusClientClosedRequest && ctx.Err() != nil
	if err != nil || received.Status == 0 || clientGone {
		return received, d.Failed(ctx, received, err)
	}
	d.Restore(received)
	return received, nil
}

// embeddedGateway returns the sandbox as a next handler. It behaves like a gateway at the
// other end of a connection: the call counts as arrived, an answer that comes too late is
// lost, and one that is shorter than announced was cut off.
func (h *Handler) embeddedGateway(d *delivery.Delivery, received *reply.Answer) caddyhttp.Handler {
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		d.Arrive()
		h.sandbox.ServeHTTP(w, r)
		if received.IsBrokenOff() {
			return io.ErrUnexpectedEOF
		}
		return r.Context().Err()
	})
}

// beginSending adds the call to the calls under way. It returns an error if it is too
// late to send the call.
func (h *Handler) beginSending(ctx context.Context, c *call, d *delivery.Delivery) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.sent.Store(d)
	if !callsUnderWay.begin(c, h) {
		return delivery.ErrProcessEnds
	}
	return nil
}
