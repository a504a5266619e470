package redis

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

const (
	// budget is what three sidecars may move together, and most the largest amount of one
	// order.
	budget, most = 200_000, 1500
	// buyers is how many orders are made concurrently.
	buyers = 9
)

// buy makes orders through the sidecars, more than the budget allows, and calls meanwhile
// when a third of the budget is used. It returns how many orders were refused because of the
// budget, and how many because of the store.
func buy(t *testing.T, from []*sidecar, at *gateway, meanwhile func()) (beyond, without int64) {
	t.Helper()
	var fault sync.Once
	var orders sync.WaitGroup
	var beyondBudget, withoutStore atomic.Int64
	deadline := time.Now().Add(2 * time.Minute)
	for range buyers {
		orders.Go(func() {
			for beyondBudget.Load() < 60 && time.Now().Before(deadline) {
				if at.moved.Load() > budget/3 && meanwhile != nil {
					fault.Do(func() { orders.Go(meanwhile) })
				}
				status, answer := from[rand.IntN(len(from))].order(500 + rand.Int64N(most-500))
				switch {
				case strings.Contains(answer, "BUDGET_EXCEEDED"):
					beyondBudget.Add(1)
				case status == http.StatusServiceUnavailable:
					withoutStore.Add(1)
				}
			}
		})
	}
	orders.Wait()
	require.GreaterOrEqual(t, beyondBudget.Load(), int64(60), "the budget was not used up")
	return beyondBudget.Load(), withoutStore.Load()
}

// assertExact checks that the budget still has exactly what it should have by the gateway's
// books.
func assertExact(t *testing.T, s *sidecar, at *gateway) {
	t.Helper()
	left := budget - at.moved.Load()
	require.GreaterOrEqual(t, left, int64(0))
	for left > 0 { // the gateway refuses some orders
		var status int
		var answer string
		require.Eventually(t, func() bool {
			status, answer = s.order(left)
			return !strings.Contains(answer, "BUDGET_EXCEEDED")
		}, 30*time.Second, 100*time.Millisecond, "there is less left than %d: %s", left, answer)
		left = budget - at.moved.Load()
		require.GreaterOrEqual(t, left, int64(0), "%d %s", status, answer)
	}
	_, answer := s.order(1)
	require.Contains(t, answer, "BUDGET_EXCEEDED")
}

// However many sidecars sign, and whatever happens to one of them or to the store, the budget
// holds by the gateway's own books.
func TestBudgetsThroughFaults(t *testing.T) {
	const limits = "budget IDR 200000 per month"
	for name, test := range map[string]struct {
		fault func(t *testing.T, server *process, sidecars []*sidecar)
		exact bool  // to the last minor unit
		over  int64 // how much more may be moved
		under int64 // how much less may be moved
	}{
		"nothing fails": {exact: true},
		"a sidecar is killed": {
			fault: func(_ *testing.T, _ *process, sidecars []*sidecar) { sidecars[2].Kill() },
			under: (buyers + 1) * most, // what was in flight stays taken
		},
		"a sidecar is told to end": {
			fault: func(t *testing.T, _ *process, sidecars []*sidecar) {
				sidecars[2].Terminate(t, patience)
			},
			exact: true,
		},
		"the config is loaded again and again": {
			fault: func(t *testing.T, _ *process, sidecars []*sidecar) {
				for range 4 {
					for _, s := range sidecars {
						s.Signal(t, syscall.SIGUSR1)
					}
					time.Sleep(200 * time.Millisecond) // of load
				}
			},
			exact: true,
		},
		"the store is paused": {
			fault: func(_ *testing.T, server *process, _ []*sidecar) {
				server.pause()
				time.Sleep(1500 * time.Millisecond) // longer than any operation waits for it
				server.resume()
			},
			exact: true,
		},
		"the store is restarted empty": {
			fault: func(_ *testing.T, server *process, _ []*sidecar) {
				server.kill()
				time.Sleep(300 * time.Millisecond)
				server.start()
			},
			over:  buyers * most,
			under: (buyers + 1) * most,
		},
	} {
		t.Run(name, func(t *testing.T) {
			testtool.WithinOneDay(t, 4*time.Minute)
			server, at := startServer(t), startGateway(t)
			sidecars := startSigners(t, 3, at, "address "+server.address+"\ntimeout 500ms", limits)
			var fault func()
			if test.fault != nil {
				fault = func() { test.fault(t, server, sidecars) }
			}
			beyond, without := buy(t, sidecars, at, fault)
			moved := at.moved.Load()
			t.Logf("%s: of %d, %d were moved; %d orders were beyond the budget, %d without the store", name, budget, moved, beyond, without)
			if test.exact {
				assertExact(t, sidecars[0], at)
				return
			}
			assert.LessOrEqual(t, moved, budget+test.over)
			assert.GreaterOrEqual(t, moved, budget-test.under)
		})
	}
}

// While the store cannot be reached, no sidecar spends, unless that is configured. Then none
// spends more than a replica's share.
func TestBudgetsWithoutStore(t *testing.T) {
	testtool.WithinOneDay(t, 2*time.Minute)
	t.Run("refuse", func(t *testing.T) {
		server, at := startServer(t), startGateway(t)
		s := startSigner(t, at, "address "+server.address+"\ntimeout 500ms", "budget IDR 200000 per month")
		server.kill()
		for range 3 {
			status, answer := s.order(1)
			assert.Equal(t, http.StatusServiceUnavailable, status)
			assert.Contains(t, answer, "the store that counts budgets cannot be reached")
		}
		assert.Zero(t, at.calls.Load())
		assert.Contains(t, s.get("/metrics"), `caddy_payermax_limit_refusals_total{limit="store"} 3`)
		server.start()
		require.Eventually(t, func() bool { status, _ := s.order(1); return status == http.StatusOK }, 30*time.Second, 50*time.Millisecond)
		var before string
		s.Await(t, "to find the store", func(soFar testprocess.Printed) (isFound bool) {
			before, _, isFound = strings.Cut(string(soFar), "the shared store can be reached again")
			return isFound
		})
		assert.Equal(t, 1, strings.Count(before, "the shared store cannot be reached"), "said once")
	})
	t.Run("alone", func(t *testing.T) {
		server, at := startServer(t), startGateway(t)
		s := startSigner(t, at, "address "+server.address+"\ntimeout 500ms", "budget IDR 3000 per month\nwithout_store alone\nreplicas 3")
		server.kill()
		status, answer := s.order(1000)
		require.Equal(t, http.StatusOK, status, answer)
		_, answer = s.order(1)
		assert.Contains(t, answer, "BUDGET_EXCEEDED")
		assert.Contains(t, answer, "this replica's share, 1000, of the budget of IDR 3000 per month has 0 left")
	})
}

// allowance is what a rate allows, as shown by its refusals: at each refusal, nothing was
// left. If a busy machine has not made enough orders in time, that part of the rate is lost,
// and shows nothing.
type allowance struct {
	rate, burst float64 // per second, and at once

	refused     bool
	first, last float64 // seconds: the end of the first refused order, and the beginning of the last one
	lost        float64 // at most, because too few orders were made between two refusals
}

// refuses records a refusal that was asked for and given at these times. Refusals must be
// recorded in the order in which they were given.
func (a *allowance) refuses(asked, given float64) {
	if !a.refused {
		a.refused, a.first, a.last = true, given, asked
	}
	a.lost += max(0, (given-a.last)*a.rate-a.burst)
	a.last = max(a.last, asked)
}

// atLeast returns how much was signed, at least, by the time of the last refusal.
func (a *allowance) atLeast() float64 {
	if !a.refused {
		return 0
	}
	return a.burst + a.rate*(a.last-a.first) - a.lost - 1
}

// refusal is an order that was refused, with its times in seconds.
type refusal struct {
	by           *allowance
	asked, given float64
}

// Three sidecars sign as much as the rate allows, within 1 %: with the store and, by their
// shares, without it.
func TestRateOfThree(t *testing.T) {
	const rate, burst, span = 40.0, 12.0, 8 * time.Second
	server, at := startServer(t), startGateway(t)
	sidecars := startSigners(t, 3, at, "address "+server.address+"\ntimeout 5s", "rate 40 12\nreplicas 3")
	measure := func(name string, bursts float64, allowances ...*allowance) {
		began, before := time.Now(), at.calls.Load()
		refused := make(chan refusal, buyers)
		var buying sync.WaitGroup
		for i, s := range sidecars {
			for range buyers / len(sidecars) {
				buying.Go(func() {
					for time.Since(began) < span {
						asked := time.Since(began)
						if status, _ := s.order(1); status != http.StatusOK {
							refused <- refusal{allowances[i%len(allowances)], asked.Seconds(), time.Since(began).Seconds()}
							time.Sleep(5 * time.Millisecond)
						}
					}
				})
			}
		}
		go func() { buying.Wait(); close(refused) }()
		for r := range refused {
			r.by.refuses(r.asked, r.given)
		}
		took, calls, atLeast := time.Since(began).Seconds(), float64(at.calls.Load()-before), 0.0
		for _, a := range allowances {
			atLeast += a.atLeast()
		}
		t.Logf("%s: %.0f calls in %.2f s, of at most %.1f, and of %.1f at least", name, calls, took, rate*took+bursts, atLeast)
		assert.LessOrEqual(t, calls, rate*took*1.01+bursts)
		assert.GreaterOrEqual(t, calls, atLeast*0.99)
	}
	measure("with the store", burst, &allowance{rate: rate, burst: burst})
	server.kill()
	share := func() *allowance { return &allowance{rate: rate / 3, burst: burst / 3} }
	measure("without the store", burst+3, share(), share(), share())
	for _, s := range sidecars {
		s.Prints(t, 1, `"share":"1/3"`)
	}
}

// Two calls with the same number are not in progress at once, whichever sidecars receive
// them.
func TestDoublesAcrossSidecars(t *testing.T) {
	server, at := startServer(t), startGateway(t)
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	at.hold = func() {
		arrived <- struct{}{}
		<-release
	}
	sidecars := startSigners(t, 2, at, "address "+server.address+"\ntimeout 5s", "refuse_doubles")
	var first sync.WaitGroup
	first.Go(func() {
		status, answer := sidecars[0].orderOf("AAA", 1)
		assert.Equal(t, http.StatusOK, status, answer)
	})
	<-arrived
	for _, s := range sidecars {
		status, answer := s.orderOf("aaa", 1)
		assert.Equal(t, http.StatusConflict, status)
		assert.Contains(t, answer, "CALL_UNDER_WAY")
	}
	close(release)
	first.Wait()
	require.Eventually(t, func() bool {
		status, _ := sidecars[1].orderOf("AAA", 1)
		return status != http.StatusConflict
	}, 30*time.Second, 20*time.Millisecond)
	assert.EqualValues(t, 2, at.calls.Load())
}

// A store that loses its counts while the sidecars are running continues from the highest
// count that any of them has seen, even if the first one to call has seen less, or nothing.
func TestBudgetsAreRemembered(t *testing.T) {
	t.Parallel()
	testtool.WithinOneDay(t, 2*time.Minute)
	server, at := startServer(t), startGateway(t)
	sidecars := startSigners(t, 3, at, "address "+server.address+"\ntimeout 5s", "budget IDR 1000 per month")
	spend := func(s *sidecar, upTo int64) {
		t.Helper()
		for at.moved.Load() < upTo { // the gateway refuses some orders, which are given back a moment later
			require.Eventually(t, func() bool {
				_, answer := s.order(100)
				return !strings.Contains(answer, "BUDGET_EXCEEDED")
			}, patience, 10*time.Millisecond, "what was refused is not given back")
		}
	}
	lose := func() {
		t.Helper()
		client := server.client()
		require.NoError(t, client.FlushAll(t.Context()).Err())
		require.Eventually(t, func() bool {
			for _, key := range server.keys() {
				value := client.Get(t.Context(), key).Val() // the value ends with the amount used
				if used, err := strconv.ParseInt(value[strings.LastIndex(value, " ")+1:], 10, 64); err == nil && used >= at.moved.Load() {
					return true
				}
			}
			return false
		}, 30*time.Second, 10*time.Millisecond, "nobody tells the store what was used")
	}

	spend(sidecars[0], 100)
	spend(sidecars[1], 600)
	lose()
	spend(sidecars[0], 1000)
	_, answer := sidecars[0].order(1)
	assert.Contains(t, answer, "BUDGET_EXCEEDED")
	lose()
	_, answer = sidecars[2].order(1)
	assert.Contains(t, answer, "BUDGET_EXCEEDED", "by one that has called nobody yet")
	assert.EqualValues(t, 1000, at.moved.Load())
}
