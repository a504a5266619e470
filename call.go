package payermax

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// call is one request of the application and its state so far. perform fills it in, step
// by step; the log line is written from it.
type call struct {
	// id identifies the call, in the log and in the answer.
	id       string
	received time.Time
	trace    trace.SpanContext // the trace around the call; invalid if there is none
	sandbox  bool              // whether the embedded sandbox answers
	place    place             // its share of the memory for calls

	route    route
	bodyRead time.Time // when the whole body had been read, or zero
	request  request
	budgeted bool // whether the call counts against a budget
	keys     keys.Generation
	// shadow is how the application's own signature compares with the sidecar's, in
	// shadow mode.
	shadow   string
	exchange exchange

	// giveUp cancels the call's context when the process ends.
	giveUp context.CancelCauseFunc
	// sent is what was last handed to the next handler; recorded says whether the call's
	// log line has been written. They are atomic because another goroutine uses them to
	// write the line if the process ends.
	sent     atomic.Pointer[delivery.Delivery]
	recorded atomic.Bool
}

// request is the application's request, parsed and validated.
type request struct {
	*envelope.Envelope
	// merchant is the merchant that the request is for, or nil if that is not known.
	merchant *merchant
	// warned are the broken rules that do not keep the request from being sent.
	warned []validate.Violation
	// disputed are broken rules that another document of PayerMax contradicts.
	disputed []validate.Dispute
}

// exchange is one signed request to the gateway, and its outcome.
type exchange struct {
	// Signed is the signed request, or nil if the call ended before it was prepared.
	*delivery.Signed
	// others are further requests that the gateway may have received for this call, signed
	// at another time or with another key.
	others   []*delivery.Signed
	attempts int           // how often the request was handed to a gateway
	upstream time.Duration // the time the gateway took
	// Verdict is the result of checking the answer; answer is what the application gets.
	verdict.Verdict
	answer *reply.Answer
	// fromSandbox says that a sandbox in another site or process has answered.
	fromSandbox bool
}

// bodies returns all requests that the gateway may have received for the call, the last
// one at the end.
func (x exchange) bodies() []*delivery.Signed { return append(slices.Clone(x.others), x.Signed) }

// exchangeBy returns what is known so far about an exchange that may have reached the
// gateway. A handler other than our transport does not count its attempts, so there is at
// least one.
func exchangeBy(d *delivery.Delivery) exchange {
	return exchange{Signed: d.Signed(), others: d.Others(), attempts: max(1, d.Attempts()), upstream: d.Took()}
}

// failedExchange returns what is known about an exchange without an answer. If nothing
// was sent, the number of attempts may be 0.
func failedExchange(d *delivery.Delivery, err error) exchange {
	x := exchangeBy(d)
	if reply.AsRefusal(err).NeverLeft() {
		x.attempts = d.Attempts()
	}
	return x
}

// newCall returns the call for a request that has just arrived.
func (h *Handler) newCall(r *http.Request) *call {
	id, _ := replacer(r.Context()).GetString("http.request.uuid")
	return &call{
		id: id, received: time.Now(), trace: trace.SpanContextFromContext(r.Context()),
		sandbox: h.Sandbox,
	}
}

// within returns the call's context, which ends when the timeout has passed since the
// call was received, or when giveUp is called.
func (c *call) within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithDeadline(ctx, c.received.Add(timeout))
	ctx, c.giveUp = context.WithCancelCause(ctx) // end cancels this one as well
	return ctx, end
}

// leave frees the call's place for another call.
func (c *call) leave() {
	callsUnderWay.leave(c)
	c.place.leave()
}
