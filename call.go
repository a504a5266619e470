package payermax

import (
	"context"
	"net/http"
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

// call is one request of the application's, and what became of it as far as it came.
// perform fills it in, step by step; the log line is made of it.
type call struct {
	// id tells the call from others, in the log and in the answer.
	id       string
	received time.Time
	trace    trace.SpanContext // that surrounds the call, if it is valid
	sandbox  bool              // whether the embedded sandbox answers
	place    place             // what it takes of the memory for calls

	route    route
	bodyRead time.Time // when the body had been read to its end, or zero
	request  request
	keys     keys.Generation
	// shadow says how the application's own signature compares, in shadow mode.
	shadow   string
	exchange exchange

	// giveUp ends the call's context when the process ends.
	giveUp context.CancelCauseFunc
	// sent is what was last given to the next handler, and recorded whether the
	// call has its line in the log. If the process ends, another goroutine looks at
	// them, and writes the line.
	sent     atomic.Pointer[delivery.Delivery]
	recorded atomic.Bool
}

// request is what the application asks for.
type request struct {
	*envelope.Envelope
	// merchant is the one that it is for, or nil if that is not known.
	merchant *merchant
	// warned are the rules that the request broke and was signed all the same.
	warned []validate.Violation
	// disputed are those that something else of PayerMax's contradicts.
	disputed []validate.Dispute
}

// exchange is one signed request to the gateway, and what came of it.
type exchange struct {
	// Signed is nil if it never came to that.
	*delivery.Signed
	attempts int
	upstream time.Duration // the time the gateway took
	// Verdict is on the answer, and answer what the application gets of it.
	verdict.Verdict
	answer *reply.Answer
	// fromSandbox says that a sandbox has answered, in another site or process.
	fromSandbox bool
}

// exchangeBy returns what is known of an exchange by now.
func exchangeBy(d *delivery.Delivery) exchange {
	return exchange{Signed: d.Signed(), attempts: d.Attempts(), upstream: d.Took()}
}

// newCall begins a call.
func (h *Handler) newCall(r *http.Request) *call {
	id, _ := replacer(r.Context()).GetString("http.request.uuid")
	return &call{
		id: id, received: time.Now(), trace: trace.SpanContextFromContext(r.Context()),
		sandbox: h.Sandbox,
	}
}

// within returns the call's context. All of its time counts from when it was received.
func (c *call) within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, c.giveUp = context.WithCancelCause(ctx)
	return context.WithDeadline(ctx, c.received.Add(timeout))
}

// leave makes room for another call.
func (c *call) leave() {
	callsUnderWay.leave(c)
	c.place.leave()
}
