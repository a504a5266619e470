// Package gate bounds how long requests wait for their signatures, which take nearly all of
// the CPU time.
package gate

import (
	"context"
	"crypto"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

const (
	// paceWeight determines how much a new signature counts in the pace, 1/paceWeight: the
	// pace follows a change of load within a dozen signatures.
	paceWeight = 8
	// paceStep bounds how much slower than the pace a signature can count. Otherwise a
	// machine that stalled for a moment would refuse its ordinary load afterwards.
	paceStep = 4
)

// ErrOverloaded says that a request has waited too long for its signature, or would have to.
var ErrOverloaded = errors.New("more requests than this machine can sign")

// Gate bounds how long requests wait for their signatures. Signing is nearly all of a
// request's work. With more requests than the CPUs can sign, all of them would wait longer
// and longer, until none is answered in time. So requests that cannot be signed soon are
// refused at once.
//
// The bound is on time, not on the number of waiting requests: how long a signature takes
// depends on how much CPU is left by other containers on the node and by the other goroutines
// of this process. So the gate measures it.
type Gate struct {
	// slots are how many signatures are computed at once. More than there are CPUs would only
	// make all of them slower.
	slots   chan struct{}
	waiting atomic.Int32
	// pace is how long a signature has recently held its slot: a moving average, in
	// nanoseconds. It is 0 before the first signature.
	pace atomic.Int64
	// batches is the gate of keys that compute signatures in batches. It is created with the
	// first such key. It has more slots, since several signatures share a CPU.
	batches atomic.Pointer[Gate]
	// yield lets other goroutines run first: runtime.Gosched, except in tests.
	yield func()
}

// New returns a gate that lets as many requests sign at once as it has slots.
func New(slots int) *Gate {
	return &Gate{slots: make(chan struct{}, slots), yield: runtime.Gosched}
}

// IsFull reports whether a request that arrives now would be refused. Call it only once the
// request is read: a connection with unread bytes would have to be closed, and a new
// connection costs more than reading.
func (g *Gate) IsFull(maxWait time.Duration) bool {
	batches := g.batches.Load()
	return g.tooLong(g.waiting.Load()+1, maxWait) || batches != nil && batches.IsFull(maxWait)
}

// of returns the gate at which signatures of the key wait.
func (g *Gate) of(key crypto.Signer) *Gate {
	batched, ok := key.(signer.BatchSigner)
	if !ok {
		return g
	}
	if g.batches.Load() == nil {
		g.batches.CompareAndSwap(nil, New(batched.Concurrency()))
	}
	return g.batches.Load()
}

// tooLong reports whether the last of this many waiting requests would wait longer than
// maxWait. The first one never does, whatever the pace: the pace may be out of date, and only
// another signature can show that.
func (g *Gate) tooLong(waiting int32, maxWait time.Duration) bool {
	expected := time.Duration(int64(waiting) * g.pace.Load() / int64(cap(g.slots)))
	return waiting > 1 && expected > maxWait
}

// Enter waits for a turn to sign, until maxWait after the request arrived (there). If the CPU
// is short, the request may have waited before Enter, and may wait again until its goroutine
// runs when it has its turn. If Enter returns no error, Leave must be called.
func (g *Gate) Enter(ctx context.Context, there time.Time, maxWait time.Duration) error {
	select {
	case g.slots <- struct{}{}:
		return g.inTime(there, maxWait)
	default:
	}
	left := maxWait - time.Since(there)
	if left < 0 {
		return ErrOverloaded
	}
	defer g.waiting.Add(-1)
	if g.tooLong(g.waiting.Add(1), left) {
		return ErrOverloaded
	}
	// Signatures may become slower than they were when the wait began.
	end := time.NewTimer(left)
	defer end.Stop()
	select {
	case g.slots <- struct{}{}:
		return g.inTime(there, maxWait)
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-end.C:
		return ErrOverloaded
	}
}

// inTime gives back a slot that was obtained too late.
func (g *Gate) inTime(there time.Time, maxWait time.Duration) error {
	if time.Since(there) <= maxWait {
		return nil
	}
	<-g.slots
	return ErrOverloaded
}

// Leave passes the slot on, and updates the pace with how long it was held.
func (g *Gate) Leave(entered time.Time) {
	g.Observe(time.Since(entered))
	<-g.slots
}

// Observe updates the pace with how long a signature held its slot.
func (g *Gate) Observe(took time.Duration) {
	for {
		before := g.pace.Load()
		after := int64(took)
		if before > 0 {
			after = before + (min(after, paceStep*before)-before)/paceWeight
		}
		if g.pace.CompareAndSwap(before, max(after, 1)) {
			return
		}
	}
}

// Sign waits for a turn, as Enter does, and signs the body. A remote key uses none of our CPU
// and has its own limits, so requests do not wait for a turn with it.
func (g *Gate) Sign(ctx context.Context, key keys.Key, body []byte, there time.Time, maxWait time.Duration) (string, error) {
	if _, isRemote := key.Private.(signer.ContextSigner); isRemote {
		return signer.Sign(ctx, key.Private, body)
	}
	g = g.of(key.Private)
	if err := g.Enter(ctx, there, maxWait); err != nil {
		return "", err
	}
	defer g.Leave(time.Now())
	// Other goroutines that are ready run first: reading a request, refusing it or answering
	// a probe takes a fraction of a signature's time. If none is ready, this costs less than
	// a microsecond. Otherwise requests would wait in the runtime's queue, where this gate
	// does not see them, while earlier ones sign one after the other.
	g.yield()
	if time.Since(there) > maxWait { // yielding takes long if the CPU is short
		return "", ErrOverloaded
	}
	return signer.Sign(ctx, key.Private, body)
}
