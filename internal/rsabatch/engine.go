package rsabatch

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"sync/atomic"
)

// Engine signs for all keys of a process. It is safe for concurrent use, and needs no
// closing.
//
// Every signature is verified by crypto/rsa before it is returned. If one does not verify,
// either the machine or the engine computes incorrectly: that signature and all further ones
// are then made by crypto/rsa, for as long as the engine is in use.
type Engine struct {
	queue
	leaders int
	// failed is called for each signature that does not verify.
	failed func()
	// compute is workspace.compute; tests may replace it with a broken one.
	compute func(*workspace, []*operation)
	off     atomic.Bool
}

// New returns an engine that computes on up to leaders CPUs at once. leaders must be at least
// one; more than GOMAXPROCS only slow each other down. failed is called for each signature
// that does not verify, from the goroutine that signs.
//
// The error says why this machine or process cannot have an engine. See [Supported].
func New(leaders int, failed func()) (*Engine, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	return newEngine(leaders, failed), nil
}

func newEngine(leaders int, failed func()) *Engine {
	e := &Engine{leaders: leaders, failed: failed, compute: (*workspace).compute}
	for range leaders {
		e.idle = append(e.idle, new(workspace))
	}
	return e
}

// IsOff reports whether crypto/rsa signs, because a signature did not verify.
func (e *Engine) IsOff() bool { return e.off.Load() }

// Concurrency returns how many concurrent calls of Sign keep the engine busy: while one batch
// is computed, another one waits. Further calls only wait for each other.
func (e *Engine) Concurrency() int { return 2 * batchSize * e.leaders }

// Sign signs a SHA-256 digest and returns the verified signature. The error is the cause of a
// context that ended first, or the error of crypto/rsa about the key.
func (e *Engine) Sign(ctx context.Context, key *Key, digest [sha256.Size]byte) ([]byte, error) {
	c := newCall(key, digest)
	w := e.join(c)
	if w == nil {
		var err error
		if w, err = e.wait(ctx, c); err != nil {
			return nil, err
		}
	}
	if w == nil { // another caller has computed it
		return e.checked(c)
	}
	// Other goroutines that are ready to run may have something to sign as well. Without
	// this, most batches would have one signature.
	runtime.Gosched()
	if ctx.Err() != nil {
		e.handOn(w)
		return nil, context.Cause(ctx)
	}
	if e.off.Load() {
		defer e.handOn(w)
		return c.signPlainly()
	}
	e.lead(w, c)
	return e.checked(c)
}

// lead computes the leader's own signature, and those of up to three waiting calls. These are
// woken even if the computation panics: their signatures do not verify then.
func (e *Engine) lead(w *workspace, own *call) {
	batch := e.collect(own)
	defer func() {
		for _, c := range batch[1:] {
			c.wake <- nil
		}
		e.handOn(w)
	}()
	operations := make([]*operation, len(batch))
	for i, c := range batch {
		operations[i] = &c.operation
	}
	e.compute(w, operations)
}

// checked returns the signature if it verifies. Otherwise it turns the engine off and signs
// with crypto/rsa.
func (e *Engine) checked(c *call) ([]byte, error) {
	if rsa.VerifyPKCS1v15(&c.key.private.PublicKey, crypto.SHA256, c.digest[:], c.output[:]) == nil {
		return c.output[:], nil
	}
	e.off.Store(true)
	e.failed()
	return c.signPlainly()
}

// signPlainly signs with crypto/rsa, which verifies its signatures as well.
func (c *call) signPlainly() ([]byte, error) {
	return rsa.SignPKCS1v15(rand.Reader, c.key.private, crypto.SHA256, c.digest[:])
}
