package remote

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		s := New(&testKey.PublicKey, func(ctx context.Context, digest []byte) ([]byte, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return after(200*time.Millisecond)(ctx, digest)
		}, Options{MaxInFlight: 3})

		var group sync.WaitGroup
		for range 12 {
			group.Go(func() { assert.NoError(t, sign(s)) })
		}
		begin := time.Now()
		group.Wait()
		assert.EqualValues(t, 3, most.Load())
		assert.Equal(t, 800*time.Millisecond, time.Since(begin), "four rounds of three")
	})
}

func TestKeyKeepsSigningUnderOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(&testKey.PublicKey, after(400*time.Millisecond), Options{MaxInFlight: 2})
		var signed, refused atomic.Int32
		var group sync.WaitGroup
		for range 100 { // 10 s of 10 requests a second, twice what the key can do
			group.Go(func() {
				switch err := sign(s); {
				case err == nil:
					signed.Add(1)
				case errors.Is(err, ErrUnavailable):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		group.Wait()
		assert.EqualValues(t, 100, signed.Load()+refused.Load())
		assert.GreaterOrEqual(t, signed.Load(), int32(50), "the key is kept busy, and the breaker closed")
	})
}

func TestStuckKeyHoldsItsSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(&testKey.PublicKey, stubborn(time.Hour), Options{MaxInFlight: 2})
		before := runtime.NumGoroutine()
		for i := range 10 {
			begin := time.Now()
			assert.ErrorIs(t, sign(s), ErrUnavailable)
			switch {
			case i < 2:
				assert.Equal(t, DefaultTimeout, time.Since(begin), "the deadline")
			case i < DefaultFailures:
				assert.Equal(t, DefaultTimeout/2, time.Since(begin), "no slot")
			default:
				assert.Zero(t, time.Since(begin), "the breaker is open")
			}
		}
		assert.LessOrEqual(t, runtime.NumGoroutine(), before+2+3, "one abandoned call for each slot")

		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Empty(t, s.slots)
		assert.Zero(t, s.abandoned.Load())
		assert.InDelta(t, before, runtime.NumGoroutine(), 3)
	})
}

func TestGoroutinesStayFlat(t *testing.T) {
	for name, remote := range map[string]SignFunc{
		"errors":              broken,
		"honours the context": after(time.Minute),
		"ignores the context": stubborn(5 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now atomic.Int32
				s := New(&testKey.PublicKey, func(ctx context.Context, digest []byte) ([]byte, error) {
					assert.LessOrEqual(t, now.Add(1), int32(DefaultMaxInFlight))
					defer now.Add(-1)
					return remote(ctx, digest)
				}, Options{Cooldown: time.Millisecond})
				before := runtime.NumGoroutine()
				for range 1000 {
					go func() { assert.ErrorIs(t, sign(s), ErrUnavailable) }()
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				// The number of the runtime's own goroutines varies.
				assert.InDelta(t, before, runtime.NumGoroutine(), 3)
			})
		})
	}
}
