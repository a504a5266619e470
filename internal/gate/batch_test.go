package gate

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

// batchedKey computes up to four signatures at once, on one CPU, in a given time.
type batchedKey struct {
	*rsa.PrivateKey
	takes time.Duration

	mutex   sync.Mutex
	waiting []chan struct{}
	busy    bool
}

func (k *batchedKey) Concurrency() int { return 8 }

func (k *batchedKey) SignBatched(ctx context.Context, digest [sha256.Size]byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	k.mutex.Lock()
	k.waiting = append(k.waiting, done)
	if !k.busy {
		k.busy = true
		go k.compute()
	}
	k.mutex.Unlock()
	<-done
	return digest[:], nil
}

func (k *batchedKey) compute() {
	for {
		k.mutex.Lock()
		n := min(4, len(k.waiting))
		batch := k.waiting[:n]
		k.waiting = k.waiting[n:]
		k.busy = n > 0
		k.mutex.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(k.takes)
		for _, done := range batch {
			close(done)
		}
	}
}

// With a key that signs in batches, the batches are full when there is more to sign than
// there is time for, and the wait is still bounded.
func TestGateFillsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxWait, lasts, takes = 100 * time.Millisecond, 5 * time.Second, 2 * time.Millisecond
		g := New(1)
		key := keys.Key{Private: &batchedKey{PrivateKey: testkeys.Merchant(), takes: takes}}
		var mutex sync.Mutex
		var signed, refused int
		var longest time.Duration
		var all sync.WaitGroup
		for began := time.Now(); time.Since(began) < lasts; time.Sleep(200 * time.Microsecond) { // 5,000 per second, of which 2,000 can be signed
			all.Go(func() {
				there := time.Now()
				_, err := g.Sign(context.Background(), key, []byte("a body"), there, maxWait)
				mutex.Lock()
				defer mutex.Unlock()
				if err != nil {
					assert.ErrorIs(t, err, ErrOverloaded)
					refused++
					return
				}
				signed++
				longest = max(longest, time.Since(there))
			})
		}
		all.Wait()
		possible := 4 * float64(lasts) / float64(takes)
		t.Logf("%d of %.0f signed after %v at most, %d refused", signed, possible, longest, refused)
		assert.Greater(t, float64(signed), 0.95*possible)
		assert.NotZero(t, refused)
		assert.LessOrEqual(t, longest, maxWait+3*takes, "its own batch and the two before it come on top")
	})
}

// Keys that sign one by one do not wait for those that sign in batches. A request that does
// not know its key yet is refused if it would be refused with either.
func TestGateOfBatchesIsItsOwn(t *testing.T) {
	g := New(1)
	plain, batched := crypto.Signer(testkeys.Merchant()), &batchedKey{PrivateKey: testkeys.Merchant()}
	require.Same(t, g, g.of(plain))
	batches := g.of(batched)
	require.NotSame(t, g, batches)
	require.Same(t, batches, g.of(batched))
	assert.Equal(t, batched.Concurrency(), cap(batches.slots))

	assert.False(t, g.IsFull(time.Second))
	batches.pace.Store(int64(time.Second))
	batches.waiting.Store(100)
	assert.True(t, g.IsFull(time.Second))
}

// A request that has ended while it waited for its turn is not signed.
func TestBatchesKnowWhenRequestsEnd(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	g, key := New(1), &batchedKey{PrivateKey: testkeys.Merchant()}
	g.of(key).yield = end
	_, err := g.Sign(ctx, keys.Key{Private: key}, nil, time.Now(), time.Minute)
	assert.ErrorIs(t, err, context.Canceled)
}
