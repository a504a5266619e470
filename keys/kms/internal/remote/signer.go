// Package remote makes a well-behaved crypto.Signer from a remote key: in an HSM, a
// cloud's KMS or a vault.
//
// Such a key can be slow, stuck, gone, throttled or rotated while payments wait for it.
// So every signature has a deadline and can be cancelled, only a few are under way at
// once, and a key that keeps failing is not used for a while. A signature that the public
// key does not verify is never returned. The caller fetches the public key once, and it
// never changes.
package remote

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// SignFunc requests a signature (PKCS#1 v1.5, SHA-256) of a digest from the remote key.
//
// It may ignore ctx, but then occupies a slot until it returns. Its errors are logged, so
// they must not repeat credentials. It must not change or keep digest.
type SignFunc func(ctx context.Context, digest []byte) ([]byte, error)

// Options limit how a remote key can affect its callers. Values that are not positive
// stand for the defaults.
type Options struct {
	// Timeout is the time that one signature may take, including the wait for a slot.
	// Default: 2s.
	Timeout time.Duration

	// MaxInFlight is the maximum number of signatures under way at once, including
	// abandoned ones that have not returned yet. Default: 8.
	MaxInFlight int

	// Failures is the number of consecutive failures that open the circuit breaker.
	// Default: 5.
	Failures int

	// Cooldown is how long the circuit breaker stays open before one request is
	// let through as a probe. Default: 10s.
	Cooldown time.Duration
}

// The defaults of [Options].
const (
	DefaultTimeout     = 2 * time.Second
	DefaultMaxInFlight = 8
	DefaultFailures    = 5
	DefaultCooldown    = 10 * time.Second
)

// Signer is a crypto.Signer for a remote key. It is safe for concurrent use and need not
// be closed.
type Signer struct {
	public    *rsa.PublicKey
	sign      SignFunc
	timeout   time.Duration
	slots     chan struct{}
	abandoned atomic.Int64
	breaker   breaker
}

// New returns a Signer for the key that belongs to public. sign requests its signatures.
func New(public *rsa.PublicKey, sign SignFunc, o Options) *Signer {
	return &Signer{
		public:  public,
		sign:    sign,
		timeout: positive(o.Timeout, DefaultTimeout),
		slots:   make(chan struct{}, positive(o.MaxInFlight, DefaultMaxInFlight)),
		breaker: breaker{
			limit:    positive(o.Failures, DefaultFailures),
			cooldown: positive(o.Cooldown, DefaultCooldown),
		},
	}
}

func positive[T int | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// Public returns the public key, without contacting the remote side.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Sign is SignContext without a context. The random source is ignored, since PKCS#1 v1.5
// needs none.
func (s *Signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.SignContext(context.Background(), digest, opts)
}

// SignContext signs a SHA-256 digest with PKCS#1 v1.5, and gives up when ctx ends or the
// timeout passes. It returns then, even if the remote side does not.
//
// An error wraps ErrUnavailable, ErrBadSignature or the error of ctx, or says that digest
// or opts are not for SHA-256 with PKCS#1 v1.5.
func (s *Signer) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := checkOptions(digest, opts); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	ticket, wait, ok := s.breaker.admit()
	if !ok {
		return nil, &unavailable{reason: "it failed repeatedly and is left alone for a while", wait: wait}
	}
	signature, outcome, err := s.attempt(ctx, digest)
	s.breaker.settle(ticket, outcome)
	return signature, err
}

// checkOptions refuses everything but SHA-256 with PKCS#1 v1.5, before it takes a slot or
// reaches the remote side.
func checkOptions(digest []byte, opts crypto.SignerOpts) error {
	if _, pss := opts.(*rsa.PSSOptions); pss {
		return errors.New("signing: PSS is not supported, only RSASSA-PKCS1-v1_5 with SHA-256")
	}
	if opts == nil || opts.HashFunc() != crypto.SHA256 {
		return errors.New("signing: only RSASSA-PKCS1-v1_5 with SHA-256 is supported")
	}
	if len(digest) != sha256.Size {
		return fmt.Errorf("signing: a SHA-256 digest has %d bytes, this one has %d", sha256.Size, len(digest))
	}
	return nil
}

// attempt makes one signature, and returns what its outcome says about the key.
func (s *Signer) attempt(request context.Context, digest []byte) ([]byte, outcome, error) {
	ctx, cancel := context.WithTimeout(request, s.timeout)
	defer cancel()

	if o, err := s.takeSlot(request, ctx); err != nil {
		return nil, o, err
	}
	// A copy, because the call may outlive the request that owns the digest.
	c := s.start(ctx, append([]byte(nil), digest...))
	select {
	case <-ctx.Done():
		s.abandon(c)
		o, err := s.ended(request)
		return nil, o, err
	case r := <-c.result:
		if r.err != nil && ctx.Err() != nil {
			o, err := s.ended(request)
			return nil, o, err
		}
		if r.err != nil {
			return nil, failed, &unavailable{reason: "it answered with an error", cause: r.err}
		}
		if rsa.VerifyPKCS1v15(s.public, crypto.SHA256, digest, r.signature) != nil {
			return nil, failed, fmt.Errorf("signing: %w", ErrBadSignature)
		}
		return r.signature, succeeded, nil
	}
}

// takeSlot waits for a slot, but for no more than half of the timeout. A request that
// gets its slot late must still have time for the key itself. Otherwise, an overload
// would leave every request in the queue until it is too late to sign anything.
func (s *Signer) takeSlot(request, ctx context.Context) (outcome, error) {
	patience := time.NewTimer(s.timeout / 2)
	defer patience.Stop()

	select {
	case s.slots <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		if errors.Is(request.Err(), context.Canceled) {
			return s.ended(request)
		}
	case <-patience.C:
	}
	// That requests wait for each other says nothing about the key. But if all slots are
	// held by abandoned calls, the key is stuck.
	o := inconclusive
	if s.abandoned.Load() >= int64(cap(s.slots)) {
		o = failed
	}
	return o, &unavailable{reason: fmt.Sprintf("%d signatures are under way already", cap(s.slots))}
}

// ended distinguishes the two reasons why a context ends: a cancelled request is not the
// key's fault, but a passed deadline is.
func (s *Signer) ended(request context.Context) (outcome, error) {
	if errors.Is(request.Err(), context.Canceled) {
		return inconclusive, fmt.Errorf("signing: %w", context.Canceled)
	}
	return failed, &unavailable{reason: "it did not answer in time", cause: context.DeadlineExceeded}
}

// result is what a SignFunc returned.
type result struct {
	signature []byte
	err       error
}

// call is a running call of the SignFunc.
type call struct {
	result chan result
	over   atomic.Bool // set when the call returns or is abandoned, whichever comes first
}

// start calls the SignFunc in a separate goroutine, which frees the slot when the call
// really returns and not when its caller gives up. That bounds the number of goroutines,
// whatever the remote side does.
func (s *Signer) start(ctx context.Context, digest []byte) *call {
	c := &call{result: make(chan result, 1)}
	go func() {
		r := s.ask(ctx, digest)
		if c.over.Swap(true) {
			s.abandoned.Add(-1)
		}
		<-s.slots
		c.result <- r
	}()
	return c
}

// abandon counts a call as abandoned until it returns.
func (s *Signer) abandon(c *call) {
	s.abandoned.Add(1)
	if c.over.Swap(true) {
		s.abandoned.Add(-1)
	}
}

// ask calls the SignFunc and recovers from a panic, which would end the whole process.
// The panic's value is not repeated, because it may contain anything.
func (s *Signer) ask(ctx context.Context, digest []byte) (r result) {
	defer func() {
		if recover() != nil {
			r = result{err: errors.New("its driver panicked")}
		}
	}()
	signature, err := s.sign(ctx, digest)
	return result{signature, err}
}
