package payermax

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

const (
	// signaturesPerCPU is how many signatures are computed at once for each CPU.
	// More would only make all of them slower.
	signaturesPerCPU = 1
	// waitingPerCPU is how many more may wait for each CPU. A signature takes
	// about a millisecond, so that is also about how long the last one waits, or
	// some times that where others want the CPU as well.
	waitingPerCPU = 20
)

// errOverloaded says that a request would wait too long for its signature.
var errOverloaded = errors.New("more requests than this machine can sign")

// gate bounds how many signatures are computed at once. Signing is nearly all of
// a request's work, so with more requests than the CPUs can sign, without it all
// of them would wait longer and longer, until none is answered in time. With it,
// those that cannot be signed soon are refused at once.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int32
	limit   int32 // of those that wait
}

// signatures is the gate of the process, since its CPUs are what is short.
var signatures = newGate(runtime.GOMAXPROCS(0))

func newGate(cpus int) *gate {
	return &gate{slots: make(chan struct{}, signaturesPerCPU*cpus), limit: int32(waitingPerCPU * cpus)}
}

// isFull reports whether a request that comes now would be refused. It is asked
// as soon as the request is read: a connection with unread bytes on it would have
// to be closed, and to open another one costs more than to read.
func (g *gate) isFull() bool { return g.waiting.Load() >= g.limit }

// enter waits for a turn to sign. If it returns no error, leave must be called.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.limit {
		return errOverloaded
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) leave() { <-g.slots }

// sign signs when there is a turn. A key that lives elsewhere takes no CPU of
// ours, and bounds itself.
func (g *gate) sign(ctx context.Context, key *signingKey, body []byte) (string, error) {
	if _, isRemote := key.Signer.(signer.ContextSigner); !isRemote {
		if err := g.enter(ctx); err != nil {
			return "", err
		}
		defer g.leave()
		// When there is more to sign than there is time, whoever is ready to run
		// goes first: reading a request, refusing it or answering a probe takes a
		// fraction of a signature's time.
		if g.waiting.Load() > 0 {
			runtime.Gosched()
		}
	}
	return signer.Sign(ctx, key.Signer, body)
}

// overloaded refuses a request that there is no time for.
func overloaded() *refusal {
	f := denied(limitOverload, http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"the sidecar has more requests than it can sign; nothing was sent, so it is safe to try again")
	f.header = http.Header{"Retry-After": {"1"}}
	return f
}
