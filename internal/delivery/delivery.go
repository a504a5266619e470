// Package delivery follows a signed request on its way to the gateway: what the signing
// handler hands to the sending transport, how far the request gets, and what it means if
// there is no answer.
package delivery

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Delivery is a signed request in transit. It changes while other goroutines read it; the
// methods that these may call say so.
type Delivery struct {
	endpoint        protocol.Endpoint
	retryRepeatable bool
	again           func(context.Context) (*Signed, error)

	began time.Time
	// signed is what the current attempt sends. attempts is the number of attempts so far.
	signed   atomic.Pointer[Signed]
	attempts atomic.Int32
	// entered is set once the transport has the request. From then on, each step is reported.
	entered atomic.Bool
	// others are what the gateway may have received of the call before, with another
	// signature.
	others atomic.Pointer[[]*Signed]
	// flight records how far the request gets, over all attempts. attempt records the current
	// attempt, if it is not the first.
	flight
	attempt *flight

	// answerSign holds the answer's sign headers, which the transport hides from debug logs.
	answerSign []string
	// answerStatus is the original status of the answer, before other handlers could change
	// it, or 0.
	answerStatus int
}

// New returns a delivery of what is signed. If retryRepeatable is set, a request that is safe
// to repeat may be sent once more even if it may have been received. Before another attempt,
// again stamps and signs the request anew; again is nil if the application signs.
func New(endpoint protocol.Endpoint, retryRepeatable bool, signed *Signed, again func(context.Context) (*Signed, error)) *Delivery {
	d := &Delivery{endpoint: endpoint, retryRepeatable: retryRepeatable, again: again, began: time.Now()}
	d.signed.Store(signed)
	return d
}

// key is the context key of the *Delivery.
type key struct{}

// From returns the delivery that the context carries, or nil.
func From(ctx context.Context) *Delivery {
	d, _ := ctx.Value(key{}).(*Delivery)
	return d
}

// Outgoing returns the request to the gateway, which carries the delivery to the transport.
// It is a new request, which takes only the body from the application's request: no header,
// trailer, coding or query of the application can affect what was signed. header contains the
// fields that are sent in addition to the pinned ones.
func (d *Delivery) Outgoing(ctx context.Context, r *http.Request, header http.Header) *http.Request {
	ctx = context.WithValue(ctx, key{}, d)
	ctx = httptrace.WithClientTrace(ctx, d.watch())

	out := r.WithContext(ctx)
	out.URL = new(url.URL) // its path is the endpoint's
	signed := d.Signed()
	out.RequestURI = signed.Path
	out.Header = header
	signed.Pin(out)
	return out
}

// Attempt is one attempt to send what is signed.
type Attempt struct {
	*Signed
	// Trace follows this attempt only. It is nil if the request's context already has a trace
	// that does so.
	Trace *httptrace.ClientTrace
	// IsUnheard reports whether the request was sent on a connection that had been idle, and
	// nothing has been received on it. It may be called at any time.
	IsUnheard func() bool
}

// Attempt begins an attempt to send the request. It fails if signing anew fails.
func (d *Delivery) Attempt(ctx context.Context) (Attempt, error) {
	if d.attempts.Add(1) == 1 {
		return Attempt{Signed: d.Signed(), IsUnheard: d.flight.isUnheard}, nil
	}
	if d.again != nil {
		signed, err := d.again(ctx)
		if err != nil {
			return Attempt{}, err
		}
		if d.written.Load() {
			d.Follow(d.Signed())
		}
		d.signed.Store(signed)
	}
	d.attempt = new(flight)
	return Attempt{Signed: d.Signed(), Trace: d.attempt.watch(), IsUnheard: d.attempt.isUnheard}, nil
}

// Follow records what the gateway may have received of the same call before.
func (d *Delivery) Follow(before ...*Signed) {
	others := append(d.Others(), before...)
	d.others.Store(&others)
}

// Others returns what the gateway may have received of the same call before, signed at
// another time or with another key. It may be called from any goroutine.
func (d *Delivery) Others() []*Signed {
	if others := d.others.Load(); others != nil {
		return slices.Clone(*others)
	}
	return nil
}

// MayRetry reports whether the request may be sent, for the first time or again: nothing of
// it was written yet, or it may be received twice.
func (d *Delivery) MayRetry() bool {
	return !d.written.Load() || d.retryRepeatable && d.endpoint.Repeatable
}

// Enter records that the sending transport has the request. Anything that it writes from then
// on is noticed, so if it refuses the request before that, it is known that nothing was sent.
func (d *Delivery) Enter() { d.entered.Store(true) }

// Arrive records that the request has reached a gateway in this process, for which there is
// no connection.
func (d *Delivery) Arrive() {
	d.connecting.Store(true)
	d.written.Store(true)
}

// Conceal removes from an answer what no log may show, its signatures. It keeps them, and the
// status, for Restore.
func (d *Delivery) Conceal(answer *http.Response) {
	d.answerStatus, d.answerSign = answer.StatusCode, answer.Header[protocol.SignHeader]
	delete(answer.Header, protocol.SignHeader)
}

// Restore gives an answer that has passed through other handlers its original status and
// signatures, if the transport received it.
func (d *Delivery) Restore(a *reply.Answer) {
	if d.answerStatus != 0 {
		a.Status = d.answerStatus
	}
	if d.answerSign != nil {
		a.Header()[protocol.SignHeader] = d.answerSign
	}
}

// Signed returns what was last given to the gateway. It may be called from any goroutine.
func (d *Delivery) Signed() *Signed { return d.signed.Load() }

// Attempts returns how many attempts the transport has begun. It may be called from any
// goroutine.
func (d *Delivery) Attempts() int { return int(d.attempts.Load()) }

// Took returns the time since the delivery began. It may be called from any goroutine.
func (d *Delivery) Took() time.Duration { return time.Since(d.began) }

// IsConnecting reports whether a connection to the gateway was ever asked for.
func (d *Delivery) IsConnecting() bool { return d.connecting.Load() }

// Arrived returns when the answer began, or the zero time if that is unknown.
func (d *Delivery) Arrived() time.Time {
	if at := d.firstByte.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// present returns the flight of the current attempt.
func (d *Delivery) present() *flight {
	if d.attempt != nil {
		return d.attempt
	}
	return &d.flight
}
