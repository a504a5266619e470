// Package delivery follows a signed request on its way to the gateway: what the handler
// that signs hands to the transport that sends, how far it gets, and what it means if
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

// Delivery is a signed request on its way. It changes while other goroutines look at it;
// its methods say what those may ask.
type Delivery struct {
	endpoint        protocol.Endpoint
	retryRepeatable bool
	again           func(context.Context) (*Signed, error)

	began time.Time
	// signed is what the present attempt sends, and attempts how many there were.
	signed   atomic.Pointer[Signed]
	attempts atomic.Int32
	// entered is set once the transport that reports on each step has the request.
	entered atomic.Bool
	// others are what the gateway may have received of the call before, signed otherwise.
	others atomic.Pointer[[]*Signed]
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

// New makes a delivery of what is signed. If retryRepeatable is set, a request that is
// safe to repeat may be sent once more even if it may have been received. Before another
// attempt, again stamps and signs the request anew; it is nil if the application signs.
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

// Outgoing returns the request to the gateway, which carries the delivery to the
// transport. It is made anew rather than changed, from nothing of the application's
// but the body: whatever header, trailer, coding or query the application sent cannot
// touch what was signed. The header has the fields that go out beside those that are
// pinned.
func (d *Delivery) Outgoing(ctx context.Context, r *http.Request, header http.Header) *http.Request {
	ctx = context.WithValue(ctx, key{}, d)
	ctx = httptrace.WithClientTrace(ctx, d.watch())

	out := r.WithContext(ctx)
	out.URL = new(url.URL) // whose path is the endpoint's
	signed := d.Signed()
	out.RequestURI = signed.Path
	out.Header = header
	signed.Pin(out)
	return out
}

// Attempt is one attempt to send what is signed.
type Attempt struct {
	*Signed
	// Trace follows this attempt alone. It is nil if the request's context has one
	// that does already.
	Trace *httptrace.ClientTrace
	// IsUnheard reports whether the request was sent on a connection that had been
	// idle, and has not heard anything on it. It may be called at any time.
	IsUnheard func() bool
}

// Attempt begins an attempt to send. It fails if signing again fails.
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

// Follow notes what the gateway may have received of the same call before.
func (d *Delivery) Follow(before ...*Signed) {
	others := append(d.Others(), before...)
	d.others.Store(&others)
}

// Others returns what the gateway may have received of the same call before, signed at
// another time or with another key. Any goroutine may ask.
func (d *Delivery) Others() []*Signed {
	if others := d.others.Load(); others != nil {
		return slices.Clone(*others)
	}
	return nil
}

// MayRetry reports whether the request may be sent, once more or for the first
// time: nothing of it was written yet, or it may be received twice.
func (d *Delivery) MayRetry() bool {
	return !d.written.Load() || d.retryRepeatable && d.endpoint.Repeatable
}

// Enter notes that the transport which sends what is signed has the request. Whatever it
// writes from then on is noticed, so that a refusal of its own before is known to be one.
func (d *Delivery) Enter() { d.entered.Store(true) }

// Arrive notes that the request is at a gateway in this process, which no connection
// leads to.
func (d *Delivery) Arrive() {
	d.connecting.Store(true)
	d.written.Store(true)
}

// Conceal takes out of an answer what no log may show, its signatures, and keeps them
// for Restore, with the status.
func (d *Delivery) Conceal(answer *http.Response) {
	d.answerStatus, d.answerSign = answer.StatusCode, answer.Header[protocol.SignHeader]
	delete(answer.Header, protocol.SignHeader)
}

// Restore gives an answer that has come through other handlers the status and the
// signatures that it had when the transport got it, if that got it.
func (d *Delivery) Restore(a *reply.Answer) {
	if d.answerStatus != 0 {
		a.Status = d.answerStatus
	}
	if d.answerSign != nil {
		a.Header()[protocol.SignHeader] = d.answerSign
	}
}

// Signed returns what was last given to the gateway. Any goroutine may ask.
func (d *Delivery) Signed() *Signed { return d.signed.Load() }

// Attempts returns how many attempts the transport has begun. Any goroutine may ask.
func (d *Delivery) Attempts() int { return int(d.attempts.Load()) }

// Took returns the time since it began. Any goroutine may ask.
func (d *Delivery) Took() time.Duration { return time.Since(d.began) }

// IsConnecting reports whether a connection to the gateway was ever asked for.
func (d *Delivery) IsConnecting() bool { return d.connecting.Load() }

// Arrived returns when the answer began, or the zero time if that is not known.
func (d *Delivery) Arrived() time.Time {
	if at := d.firstByte.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// present returns how far the present attempt gets.
func (d *Delivery) present() *flight {
	if d.attempt != nil {
		return d.attempt
	}
	return &d.flight
}
