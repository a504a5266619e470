package payermax

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// delivery is a signed request on its way to the gateway: what the transport must
// know of it, and notes about it.
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

	// answerSign is the answer's sign header, which the transport takes out of
	// the reach of debug logs.
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

// deliveryKey is the context key of the *delivery.
type deliveryKey struct{}

// deliveryFrom returns the delivery that the handler put into the context, or nil.
func deliveryFrom(ctx context.Context) *delivery {
	d, _ := ctx.Value(deliveryKey{}).(*delivery)
	return d
}

// present returns how far the present attempt gets.
func (d *delivery) present() *flight {
	if d.attempt != nil {
		return d.attempt
	}
	return &d.flight
}

// begin begins another attempt, signed anew, and reports whether it is the first.
func (d *delivery) begin(ctx context.Context) (isFirst bool, err error) {
	if d.attempts.Add(1) == 1 {
		return true, nil
	}
	d.attempt = new(flight)
	if d.again == nil {
		return false, nil
	}
	signed, err := d.again(ctx)
	if err == nil {
		d.signed.Store(signed)
	}
	return false, err
}

// mayRetry reports whether the request may be sent, once more or for the first
// time: nothing of it was written yet, or it may be received twice.
func (d *delivery) mayRetry() bool {
	return !d.written.Load() || d.retryRepeatable && d.endpoint.Repeatable
}

// exchange returns what is known of it by now. Any goroutine may ask.
func (d *delivery) exchange() exchange {
	return exchange{signedRequest: d.signed.Load(), attempts: max(1, int(d.attempts.Load())), upstream: time.Since(d.began)}
}
