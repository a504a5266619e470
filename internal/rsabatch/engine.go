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
// No signature leaves it that crypto/rsa does not verify. If one does not verify, the
// machine computes wrongly, or the engine does: that signature and all further ones are
// made by crypto/rsa, for as long as the engine is in use.
type Engine struct {
	queue
	leaders int
	// failed is called for each signature that did not verify.
	failed func()
	// compute is what the workspace does; a test may break it.
	compute func(*workspace, []*operation)
	off     atomic.Bool
}

// New returns an engine that computes on so many CPUs at once, which must be at least
// one; more than GOMAXPROCS only make each other slower. For each signature that does
// not verify, failed is called, from the goroutine that signs.
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

// Concurrency is how many calls of Sign keep the engine busy: while one batch is
// computed, another one waits. More of them only wait for each other.
func (e *Engine) Concurrency() int { return 2 * batchSize * e.leaders }

// Sign signs a SHA-256 digest. It returns the signature, which has been verified, or
// the error of a context that ended first, or what crypto/rsa has against the key.
func (e *Engine) Sign(ctx context.Context, key *Key, digest [sha256.Size]byte) ([]byte, error) {
	c := newCall(key, digest)
	w := e.join(c)
	if w == nil {
		var err error
		if w, err = e.wait(ctx, c); err != nil {
			return nil, err
		}
	}
	if w == nil { // another one has computed it
		return e.checked(c)
	}
	// Whoever is ready to run may have something to sign as well. Without this, most
	// batches would be of one.
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

// lead computes the leader's own signature, and those of up to three that wait. They
// learn of it even if it panics: then theirs does not verify.
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

// checked returns the signature if it verifies, and otherwise turns the engine off.
func (e *Engine) checked(c *call) ([]byte, error) {
	if rsa.VerifyPKCS1v15(&c.key.private.PublicKey, crypto.SHA256, c.digest[:], c.output[:]) == nil {
		return c.output[:], nil
	}
	e.off.Store(true)
	e.failed()
	return c.signPlainly()
}

// signPlainly signs by crypto/rsa, which verifies what it signs as well.
func (c *call) signPlainly() ([]byte, error) {
	return rsa.SignPKCS1v15(rand.Reader, c.key.private, crypto.SHA256, c.digest[:])
}
