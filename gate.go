package payermax

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

const (
	// paceWeight is the share of the newest signature in the pace: it follows a
	// change of load within a dozen signatures.
	paceWeight = 8
	// paceStep bounds how much slower than the pace a signature can count for.
	// Otherwise a machine that stood still for a moment would refuse its ordinary
	// load afterwards.
	paceStep = 4
)

// errOverloaded says that a request would wait too long for its signature, or has.
var errOverloaded = errors.New("more requests than this machine can sign")

// gate bounds how long requests wait for their signatures. Signing is nearly all of
// a request's work, so with more requests than the CPUs can sign, without it all
// of them would wait longer and longer, until none is answered in time. With it,
// those that cannot be signed soon are refused at once.
//
// How soon is a matter of time, and not of how many wait: what a signature takes
// depends on how much of the CPU others leave, be they other containers on the node
// or the other goroutines of this process. So the gate measures it.
type gate struct {
	// slots are as many as signatures are computed at once. More than the CPUs
	// would only make all of them slower.
	slots   chan struct{}
	waiting atomic.Int32
	// pace is how long a signature has its slot, lately: a moving average, in
	// nanoseconds. It is 0 before the first.
	pace atomic.Int64
	// batches is the gate of keys whose signatures are computed in batches, once there
	// is such a key. It has more slots, since several signatures share a CPU.
	batches atomic.Pointer[gate]
}

func newGate(slots int) *gate {
	return &gate{slots: make(chan struct{}, slots)}
}

// isFull reports whether a request that comes now would be refused. It is asked
// as soon as the request is read: a connection with unread bytes on it would have
// to be closed, and to open another one costs more than to read.
func (g *gate) isFull(maxWait time.Duration) bool {
	batches := g.batches.Load()
	return g.tooLong(g.waiting.Load()+1, maxWait) || batches != nil && batches.isFull(maxWait)
}

// of returns the gate at which the signatures of a key wait.
func (g *gate) of(key crypto.Signer) *gate {
	batched, ok := key.(signer.BatchSigner)
	if !ok {
		return g
	}
	if g.batches.Load() == nil {
		g.batches.CompareAndSwap(nil, newGate(batched.Concurrency()))
	}
	return g.batches.Load()
}

// tooLong reports whether the last of so many that wait would wait for longer than
// maxWait. The first never does, whatever the pace: it may be of another time, and
// only another signature can tell.
func (g *gate) tooLong(waiting int32, maxWait time.Duration) bool {
	expected := time.Duration(int64(waiting) * g.pace.Load() / int64(cap(g.slots)))
	return waiting > 1 && expected > maxWait
}

// enter waits for a turn to sign, until maxWait after the request was there: where the
// CPU is short, it may have waited before it came here, and may wait again to go on
// when it is its turn. If it returns no error, leave must be called.
func (g *gate) enter(ctx context.Context, there time.Time, maxWait time.Duration) error {
	select {
	case g.slots <- struct{}{}:
		return g.inTime(there, maxWait)
	default:
	}
	left := maxWait - time.Since(there)
	if left < 0 {
		return errOverloaded
	}
	defer g.waiting.Add(-1)
	if g.tooLong(g.waiting.Add(1), left) {
		return errOverloaded
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
		return errOverloaded
	}
}

// inTime gives a slot back that came too late.
func (g *gate) inTime(there time.Time, maxWait time.Duration) error {
	if time.Since(there) <= maxWait {
		return nil
	}
	<-g.slots
	return errOverloaded
}

// leave gives the slot to the next, and learns from how long it was taken.
func (g *gate) leave(entered time.Time) {
	g.observe(time.Since(entered))
	<-g.slots
}

// observe adds a signature to the pace.
func (g *gate) observe(took time.Duration) {
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

// sign signs when there is a turn. A key that lives elsewhere takes no CPU of
// ours, and bounds itself.
func (g *gate) sign(ctx context.Context, key keys.Key, body []byte, there time.Time, maxWait time.Duration) (string, error) {
	if _, isRemote := key.Private.(signer.ContextSigner); isRemote {
		return signer.Sign(ctx, key.Private, body)
	}
	g = g.of(key.Private)
	if err := g.enter(ctx, there, maxWait); err != nil {
		return "", err
	}
	defer g.leave(time.Now())
	// When there is more to sign than there is time, whoever is ready to run
	// goes first: reading a request, refusing it or answering a probe takes a
	// fraction of a signature's time.
	if g.waiting.Load() > 0 {
		runtime.Gosched()
		if time.Since(there) > maxWait { // which is long where the CPU is short
			return "", errOverloaded
		}
	}
	return signer.Sign(ctx, key.Private, body)
}

// overloaded refuses a request that there is no time for.
func overloaded() *reply.Refusal {
	f := reply.Denied(limitOverload, http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"the sidecar has more requests than it can sign; nothing was sent, so it is safe to try again")
	f.Header = http.Header{"Retry-After": {"1"}}
	return f
}
