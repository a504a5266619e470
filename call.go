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

// call is one request of the application's, and what has become of it so far. perform
// fills it in, step by step; the log line is made of it.
type call struct {
	// id identifies the call, in the log and in the answer.
	id       string
	received time.Time
	trace    trace.SpanContext // that surrounds the call, if it is valid
	sandbox  bool              // whether the embedded sandbox answers
	place    place             // what it takes of the memory for calls

	route    route
	bodyRead time.Time // when the body had been read to its end, or zero
	request  request
	budgeted bool // whether it counts against a budget
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
	// merchant is who the request is for, or nil if that is not known.
	merchant *merchant
	// warned are the broken rules that do not keep the request from being sent.
	warned []validate.Violation
	// disputed are those that something else of PayerMax's contradicts.
	disputed []validate.Dispute
}

// exchange is one signed request to the gateway, and what came of it.
type exchange struct {
	// Signed is what was to be sent, or nil if the call never came to that.
	*delivery.Signed
	// others are what the gateway may have received of the call besides, signed at another
	// time or with another key.
	others   []*delivery.Signed
	attempts int           // how often it was handed to a gateway
	upstream time.Duration // the time the gateway took
	// Verdict is what was found out about the answer, and answer what the application
	// gets of it.
	verdict.Verdict
	answer *reply.Answer
	// fromSandbox says that a sandbox has answered, in another site or process.
	fromSandbox bool
}

// bodies are all that the gateway may have received of the call, the last one at the end.
func (x exchange) bodies() []*delivery.Signed { return append(slices.Clone(x.others), x.Signed) }

// exchangeBy returns what is known by now of an exchange that may have reached the
// gateway. Another handler than our transport does not count its attempts; what it
// sends is one.
func exchangeBy(d *delivery.Delivery) exchange {
	return exchange{Signed: d.Signed(), others: d.Others(), attempts: max(1, d.Attempts()), upstream: d.Took()}
}

// failedExchange returns what is known of an exchange without an answer. If nothing
// was sent, there may have been no attempt.
func failedExchange(d *delivery.Delivery, err error) exchange {
	x := exchangeBy(d)
	if reply.AsRefusal(err).NeverLeft() {
		x.attempts = d.Attempts()
	}
	return x
}

// newCall begins a call.
func (h *Handler) newCall(r *http.Request) *call {
	id, _ := replacer(r.Context()).GetString("http.request.uuid")
	return &call{
		id: id, received: time.Now(), trace: trace.SpanContextFromContext(r.Context()),
		sandbox: h.Sandbox,
	}
}

// within returns the call's context, which ends with its timeout. The time counts from
// when the call was received.
func (c *call) within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := context.WithDeadline(ctx, c.received.Add(timeout))
	ctx, c.giveUp = context.WithCancelCause(ctx) // which end ends as well
	return ctx, end
}

// leave makes room for another call.
func (c *call) leave() {
	callsUnderWay.leave(c)
	c.place.leave()
}
