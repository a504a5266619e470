package limits

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// However many take and give back at once, no more than the burst is ever taken, and in
// the end exactly the burst is there again.
func TestRateHoldsWhileItIsGivenBack(t *testing.T) {
	const burst = 5
	l := &Enforced{quota: quota{rate: rate.NewLimiter(1e-9, burst)}}
	var held, most atomic.Int32
	var requests sync.WaitGroup
	for range 50 {
		requests.Go(func() {
			for range 200 {
				taken, err := l.take([]*quota{&l.quota})
				if err != nil {
					continue
				}
				now := held.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				runtime.Gosched()
				held.Add(-1)
				taken.GiveBack()
			}
		})
	}
	requests.Wait()
	assert.LessOrEqual(t, most.Load(), int32(burst))
	for range burst {
		_, err := l.take([]*quota{&l.quota})
		assert.NoError(t, err)
	}
	_, err := l.take([]*quota{&l.quota})
	assert.Error(t, err)

	// What was full has no room for more.
	full := &Enforced{quota: quota{rate: rate.NewLimiter(1e6, burst)}}
	first, err := full.take([]*quota{&full.quota})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return full.rate.Tokens() == burst }, time.Second, time.Millisecond)
	first.GiveBack()
	assert.LessOrEqual(t, full.rate.Tokens(), float64(burst))
}
