package remote

import (
	"context"
	"crypto"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// switched is a remote key whose behaviour a test can change.
type switched struct {
	calls atomic.Int32
	now   atomic.Value
}

func (r *switched) set(f SignFunc) { r.now.Store(f) }

func (r *switched) sign(ctx context.Context, digest []byte) ([]byte, error) {
	r.calls.Add(1)
	return r.now.Load().(SignFunc)(ctx, digest)
}

func newSwitched(o Options) (*switched, *Signer) {
	remote := new(switched)
	remote.set(broken)
	return remote, New(&testKey.PublicKey, remote.sign, o)
}

func TestBreakerOpensAfterFailuresInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote, s := newSwitched(Options{})
		for range DefaultFailures - 1 {
			require.Error(t, sign(s))
		}
		remote.set(honest)
		require.NoError(t, sign(s))
		remote.set(broken)
		open(t, s)
		assert.EqualValues(t, 2*DefaultFailures, remote.calls.Load())

		for range 1000 {
			require.ErrorIs(t, sign(s), ErrUnavailable)
		}
		assert.EqualValues(t, 2*DefaultFailures, remote.calls.Load(), "an open breaker asks nobody")
	})
}

func TestErrorSaysWhenToRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := newSwitched(Options{})
		err := sign(s)
		assert.ErrorContains(t, err, "connection refused")
		assert.Equal(t, time.Second, retryAfter(t, err))
		open(t, s)
		time.Sleep(3 * time.Second)
		assert.Equal(t, DefaultCooldown-3*time.Second, retryAfter(t, sign(s)))
	})
}

func retryAfter(t *testing.T, err error) time.Duration {
	var later interface{ RetryAfter() time.Duration }
	require.True(t, errors.As(err, &later))
	return later.RetryAfter()
}

func TestOneProbeAfterTheCooldown(t *testing.T) {
	for name, test := range map[string]struct {
		probe  SignFunc
		closes bool
	}{
		"that succeeds":  {after(100 * time.Millisecond), true},
		"that fails":     {broken, false},
		"that times out": {after(time.Minute), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				remote, s := newSwitched(Options{})
				open(t, s)
				remote.calls.Store(0)
				remote.set(func(ctx context.Context, digest []byte) ([]byte, error) {
					time.Sleep(time.Millisecond) // so that all other goroutines arrive as well
					return test.probe(ctx, digest)
				})

				time.Sleep(DefaultCooldown - time.Millisecond)
				require.ErrorIs(t, sign(s), ErrUnavailable)
				assert.Zero(t, remote.calls.Load())

				time.Sleep(time.Millisecond)
				var signed atomic.Int32
				var group sync.WaitGroup
				for range 50 {
					group.Go(func() {
						if sign(s) == nil {
							signed.Add(1)
						}
					})
				}
				group.Wait()
				assert.EqualValues(t, 1, remote.calls.Load(), "exactly one probe")

				remote.set(honest)
				if test.closes {
					assert.EqualValues(t, 1, signed.Load())
					assert.NoError(t, sign(s))
					return
				}
				assert.Zero(t, signed.Load())
				assert.ErrorIs(t, sign(s), ErrUnavailable, "open for another cooldown")
				time.Sleep(DefaultCooldown)
				assert.NoError(t, sign(s))
			})
		})
	}
}

func TestCancelledProbeIsFollowedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote, s := newSwitched(Options{})
		open(t, s)
		time.Sleep(DefaultCooldown)

		remote.set(after(time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := s.SignContext(ctx, testDigest[:], crypto.SHA256)
		require.ErrorIs(t, err, context.Canceled)

		remote.set(honest)
		assert.NoError(t, sign(s))
	})
}

func TestLateResultsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote, s := newSwitched(Options{Timeout: time.Minute, Failures: 1})
		slow := func(err error) SignFunc {
			return func(ctx context.Context, digest []byte) ([]byte, error) {
				time.Sleep(30 * time.Second)
				if err != nil {
					return nil, err
				}
				return honest(ctx, digest)
			}
		}
		var group sync.WaitGroup
		remote.set(slow(nil))
		group.Go(func() { assert.NoError(t, sign(s)) })
		synctest.Wait()
		remote.set(slow(errors.New("too late")))
		group.Go(func() { assert.Error(t, sign(s)) })
		synctest.Wait()

		remote.set(broken)
		require.Error(t, sign(s)) // opens the breaker
		time.Sleep(DefaultCooldown)
		remote.set(honest)
		require.NoError(t, sign(s)) // the probe closes it
		group.Wait()
		assert.NoError(t, sign(s), "the late failure does not open it again")
	})
}
