// Package remote makes a well-behaved crypto.Signer of a key that lives somewhere
// else: in an HSM, a cloud's KMS or a vault.
//
// Such a key can be slow, stuck, gone, throttled or rotated, while payments wait
// for it. So every signature has a deadline and can be cancelled, only a few are
// under way at once, a key that keeps failing is left alone for a while, and no
// signature is handed on that the public key does not verify. The public key is
// fetched once, by the caller, and never again.
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

// SignFunc asks the remote key for a signature (PKCS#1 v1.5, SHA-256) of a digest.
//
// It may ignore ctx, at the price of a slot until it returns. Its errors reach
// logs: they must not repeat credentials. It must not change or keep digest.
type SignFunc func(ctx context.Context, digest []byte) ([]byte, error)

// Options limit what a remote key can do to its callers. Values that are not
// positive stand for the defaults.
type Options struct {
	// Timeout is the time that one signature may take, waiting for a slot
	// included. Default: 2s.
	Timeout time.Duration

	// MaxInFlight is the number of signatures under way at once, abandoned ones
	// that have not returned yet included. Default: 8.
	MaxInFlight int

	// Failures is the number of failures in a row that open the circuit breaker.
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

// Signer is a crypto.Signer over a remote key. It is safe for concurrent use and
// needs no closing.
type Signer struct {
	public    *rsa.PublicKey
	sign      SignFunc
	timeout   time.Duration
	slots     chan struct{}
	abandoned atomic.Int64
	breaker   breaker
}

// New returns a Signer over the key that belongs to public and that sign asks.
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

// Public returns the public key, without asking the remote side.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Sign is SignContext without a request to cancel. The random source is ignored:
// PKCS#1 v1.5 needs none.
func (s *Signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.SignContext(context.Background(), digest, opts)
}

// SignContext signs a SHA-256 digest with PKCS#1 v1.5, and gives up when ctx ends
// or the deadline passes. It returns then, even if the remote side does not.
//
// An error is ErrUnavailable, ErrBadSignature, the end of ctx, or a digest that is
// not SHA-256's.
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

// checkOptions refuses everything but SHA-256 with PKCS#1 v1.5, before a slot or
// the remote side is bothered.
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

// attempt makes one signature, and says what it tells about the key.
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

// takeSlot waits for a slot, but for no more than half of the signature's time:
// whoever gets one late must still have time for the key itself, or an overload
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
	// Requests that wait for each other say nothing about the key. Slots that are
	// all held by calls which nobody waits for any more do: the key is stuck.
	o := inconclusive
	if s.abandoned.Load() >= int64(cap(s.slots)) {
		o = failed
	}
	return o, &unavailable{reason: fmt.Sprintf("%d signatures are under way already", cap(s.slots))}
}

// ended tells the two ends of a context apart: a request that was cancelled is
// not the key's fault, a deadline that passed is.
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

// call is a SignFunc at work.
type call struct {
	result chan result
	over   atomic.Bool // set by the first of its end and its abandonment
}

// start calls the SignFunc in a goroutine of its own, which gives the slot back
// when the call really returns and not when its caller gives up: that bounds the
// number of goroutines, whatever the remote side does.
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

// abandon counts a call that nobody waits for any more, until it returns.
func (s *Signer) abandon(c *call) {
	s.abandoned.Add(1)
	if c.over.Swap(true) {
		s.abandoned.Add(-1)
	}
}

// ask calls the SignFunc. A panic in its goroutine would end the whole process;
// the panic's value is not repeated, because nobody knows what is in it.
func (s *Signer) ask(ctx context.Context, digest []byte) (r result) {
	defer func() {
		if recover() != nil {
			r = result{err: errors.New("its driver panicked")}
		}
	}()
	signature, err := s.sign(ctx, digest)
	return result{signature, err}
}
