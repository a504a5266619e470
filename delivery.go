package payermax

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/wire"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// delivery is a signed request on its way to the gateway, which the transport knows as
// a [wire.Call]. Of all that belongs to a call, it alone changes while others look on.
type delivery struct {
	endpoint protocol.Endpoint
	// retryRepeatable is the handler's option.
	retryRepeatable bool
	// again stamps and signs once more, for another attempt. It is nil if it is the
	// application that has signed.
	again func(context.Context) (*signedRequest, error)

	began time.Time
	// signed is what the present attempt sends, and attempts how many there were.
	signed   atomic.Pointer[signedRequest]
	attempts atomic.Int32
	// flight is how far the request gets, over all attempts, and attempt how far the
	// present one does if it is not the first.
	flight
	attempt *flight

	// answerSign has the answer's sign headers, which the transport takes out of the
	// reach of debug logs.
	answerSign []string
	// answerStatus is the answer's status, as it was before anybody could change
	// it, or 0.
	answerStatus int
}

// newDelivery makes a delivery of what is signed.
func (h *Handler) newDelivery(c *call, signed *signedRequest, again func(context.Context) (*signedRequest, error)) *delivery {
	d := &delivery{endpoint: c.route.Endpoint, retryRepeatable: h.RetryRepeatable, again: again, began: time.Now()}
	d.signed.Store(signed)
	return d
}

// MayRetry reports whether the request may be sent, once more or for the first
// time: nothing of it was written yet, or it may be received twice.
func (d *delivery) MayRetry() bool {
	return !d.written.Load() || d.retryRepeatable && d.endpoint.Repeatable
}

// Attempt begins an attempt of the transport's to send the request. What is sent again
// is stamped and signed anew, unless it is the application who signs.
func (d *delivery) Attempt(ctx context.Context) (wire.Attempt, error) {
	if d.attempts.Add(1) == 1 {
		return wire.Attempt{Signed: d.signed.Load().Signed, IsUnheard: d.flight.isUnheard}, nil
	}
	if d.again != nil {
		signed, err := d.again(ctx)
		if err != nil {
			return wire.Attempt{}, err
		}
		d.signed.Store(signed)
	}
	d.attempt = new(flight)
	return wire.Attempt{Signed: d.signed.Load().Signed, Trace: d.attempt.watch(), IsUnheard: d.attempt.isUnheard}, nil
}

// Answered notes what the transport keeps from everybody else.
func (d *delivery) Answered(status int, signatures []string) {
	d.answerStatus, d.answerSign = status, signatures
}

// present returns how far the present attempt gets.
func (d *delivery) present() *flight {
	if d.attempt != nil {
		return d.attempt
	}
	return &d.flight
}

// exchange returns what is known of it by now. Any goroutine may ask.
func (d *delivery) exchange() exchange {
	return exchange{signedRequest: d.signed.Load(), attempts: max(1, int(d.attempts.Load())), upstream: time.Since(d.began)}
}
