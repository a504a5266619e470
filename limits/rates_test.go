package limits_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// However many calls take and give back concurrently, no more than the burst is ever taken,
// and at the end exactly the burst is available.
func TestRateHoldsWhileItIsGivenBack(t *testing.T) {
	const burst = 5
	at := place(t, "orderQuery")
	query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
	l := open(t, limits.Limits{Quota: limits.Quota{Rate: 1e-9, Burst: burst}}, at)
	var held, most atomic.Int32
	var requests sync.WaitGroup
	for range 50 {
		requests.Go(func() {
			for range 200 {
				reserved, err := l.Reserve(t.Context(), query)
				if err != nil {
					continue
				}
				now := held.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				runtime.Gosched()
				held.Add(-1)
				reserved.Settle(stores.Unsent)
			}
		})
	}
	requests.Wait()
	assert.LessOrEqual(t, most.Load(), int32(burst))
	for range burst {
		_, err := l.Reserve(t.Context(), query)
		require.NoError(t, err)
	}
	_, err := l.Reserve(t.Context(), query)
	requireRefused(t, err, limits.ByRate)
}

// Nothing can be given back to a rate that is full.
func TestRateIsNotGivenBackBeyondTheBurst(t *testing.T) {
	const burst = 5
	at := place(t, "orderQuery")
	query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
	l := open(t, limits.Limits{Quota: limits.Quota{Rate: 20, Burst: burst}}, at)
	reserved, err := l.Reserve(t.Context(), query)
	require.NoError(t, err)
	time.Sleep(60 * time.Millisecond) // until the rate is full again
	reserved.Settle(stores.Unsent)
	began, passed := time.Now(), 0
	for err = nil; err == nil; passed++ {
		_, err = l.Reserve(t.Context(), query)
	}
	assert.LessOrEqual(t, float64(passed-1), burst+20*time.Since(began).Seconds()+1)
}

// Every caller has a rate of its own, even if the config gives several callers the same
// numbers. All of them together have that of everybody.
func TestRatesOfCallers(t *testing.T) {
	const hardlyAny = 1e-9 // per second, so that time gives nothing back during the test
	at := place(t, "orderQuery")
	each := limits.Caller{Quota: limits.Quota{Rate: hardlyAny, Burst: 2}}
	l := open(t, limits.Limits{
		Quota: limits.Quota{Rate: hardlyAny, Burst: 5}, CallerID: "{test.caller}",
		Callers: map[string]limits.Caller{"one": each, "two": each, "three": each},
	}, at)
	for _, test := range []struct {
		caller string
		passed int
	}{{"one", 2}, {"two", 2}, {"three", 1}, {"one", 0}} {
		query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
		var err error
		query.By, err = l.Admit("orderQuery", callBy(test.caller))
		require.NoError(t, err)
		for range test.passed {
			_, err = l.Reserve(t.Context(), query)
			require.NoError(t, err, test.caller)
		}
		_, err = l.Reserve(t.Context(), query)
		requireRefused(t, err, limits.ByRate)
	}
}
