package storetest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// long is a lease that is longer than any test.
const long = time.Minute

// TestReservations checks that a store keeps the promises of [stores.Reservations]. open
// returns an empty store.
func TestReservations(t *testing.T, open func(t *testing.T) stores.Reservations) {
	testtool.WithinOneDay(t, 2*time.Minute)
	for name, test := range map[string]func(*testing.T, stores.Reservations){
		"budgets are exact":                       budgetsAreExact,
		"a budget's limit may change":             limitMayChange,
		"windows begin when they do in UTC":       windowsBegin,
		"rates let a burst pass":                  ratesLetBurstPass,
		"rates are kept":                          ratesAreKept,
		"one order is under way once":             orderIsUnderWayOnce,
		"all is taken or nothing":                 allOrNothing,
		"settlements":                             settlements,
		"a second time changes nothing":           secondTimeChangesNothing,
		"a lease ends":                            leaseEnds,
		"budgets are exact however many ask":      budgetsAreExactInParallel,
		"what was never reserved is not returned": unknownIsNotReturned,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// scope returns a new scope for each test, since tests may share a store.
func scope(t *testing.T) stores.Scope { return stores.NewScope(t.Name(), time.Now().String()) }

// budget returns a monthly budget.
func budget(key stores.Key, limit, amount int64) stores.Budget {
	return stores.Budget{Key: key, Window: stores.Month, Limit: limit, Amount: amount}
}

// need returns a reservation for a new call.
func need(s stores.Scope, change func(*stores.Reservation)) stores.Reservation {
	r := stores.Reservation{Call: s.NewKey(), Lease: long}
	change(&r)
	return r
}

// requireExceeded checks that the key is used up.
func requireExceeded(t *testing.T, err error, key stores.Key) *stores.Exceeded {
	t.Helper()
	var exceeded *stores.Exceeded
	require.ErrorAs(t, err, &exceeded)
	require.Equal(t, key, exceeded.Key)
	require.Positive(t, exceeded.RetryAfter)
	return exceeded
}

func budgetsAreExact(t *testing.T, store stores.Reservations) {
	s := scope(t)
	month, day := s.Key("month"), s.Key("day")
	take := func(amount int64) ([]stores.Balance, error) {
		return store.Reserve(t.Context(), need(s, func(r *stores.Reservation) {
			r.Budgets = []stores.Budget{budget(month, 100, amount), {Key: day, Window: stores.Day, Limit: 1 << 52, Amount: amount}}
		}))
	}
	left, err := take(60)
	require.NoError(t, err)
	require.Len(t, left, 2)
	assert.EqualValues(t, 40, left[0].Remaining)
	assert.EqualValues(t, 1<<52-60, left[1].Remaining)

	_, err = take(41)
	exceeded := requireExceeded(t, err, month)
	assert.EqualValues(t, 40, exceeded.Balance.Remaining)
	assert.LessOrEqual(t, exceeded.RetryAfter, 31*24*time.Hour)
	assert.Equal(t, left[0].Reset, exceeded.Balance.Reset)

	left, err = take(40)
	require.NoError(t, err)
	assert.Zero(t, left[0].Remaining)
	_, err = take(1)
	assert.Zero(t, requireExceeded(t, err, month).Balance.Remaining)
}

func limitMayChange(t *testing.T, store stores.Reservations) {
	s := scope(t)
	key := s.Key("budget")
	take := func(limit, amount int64) error {
		_, err := store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Budgets = []stores.Budget{budget(key, limit, amount)} }))
		return err
	}
	require.NoError(t, take(100, 100))
	assert.EqualValues(t, -50, requireExceeded(t, take(50, 1), key).Balance.Remaining)
	require.NoError(t, take(150, 50))
	requireExceeded(t, take(150, 1), key)
}

func windowsBegin(t *testing.T, store stores.Reservations) {
	s := scope(t)
	for _, window := range stores.Windows {
		before := time.Now()
		left, err := store.Reserve(t.Context(), need(s, func(r *stores.Reservation) {
			r.Budgets = []stores.Budget{{Key: s.Key(string(window)), Window: window, Limit: 10, Amount: 1}}
		}))
		require.NoError(t, err)
		_, earliest := window.Around(before)
		_, latest := window.Around(time.Now())
		assert.Contains(t, []time.Time{earliest, latest}, left[0].Reset.UTC(), window)
	}
}

func ratesLetBurstPass(t *testing.T, store stores.Reservations) {
	s := scope(t)
	rate := stores.Rate{Key: s.Key("rate"), PerSecond: 0.01, Burst: 3}
	take := func() error {
		_, err := store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Rates = []stores.Rate{rate} }))
		return err
	}
	for range 3 {
		require.NoError(t, take())
	}
	exceeded := requireExceeded(t, take(), rate.Key)
	assert.InDelta(t, 100, exceeded.RetryAfter.Seconds(), 50)
}

// The rate holds over some time, exactly to the call.
func ratesAreKept(t *testing.T, store stores.Reservations) {
	s := scope(t)
	rate := stores.Rate{Key: s.Key("rate"), PerSecond: 200, Burst: 2}
	began, passed := time.Now(), 0
	for time.Since(began) < 500*time.Millisecond {
		_, err := store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Rates = []stores.Rate{rate} }))
		if err == nil {
			passed++
			continue
		}
		time.Sleep(requireExceeded(t, err, rate.Key).RetryAfter)
	}
	due := rate.PerSecond * time.Since(began).Seconds()
	assert.LessOrEqual(t, float64(passed), due+float64(rate.Burst)+1)
}

func orderIsUnderWayOnce(t *testing.T, store stores.Reservations) {
	s := scope(t)
	about := func(order string) stores.Reservation {
		return need(s, func(r *stores.Reservation) { r.Order = s.Key(order) })
	}
	first, second := about("A"), about("A")
	_, err := store.Reserve(t.Context(), first)
	require.NoError(t, err)
	_, err = store.Reserve(t.Context(), second)
	assert.LessOrEqual(t, requireExceeded(t, err, first.Order).RetryAfter, long)
	_, err = store.Reserve(t.Context(), about("B"))
	require.NoError(t, err)

	// The second call holds nothing that it could give back.
	require.NoError(t, store.Settle(t.Context(), second, stores.Unsent))
	_, err = store.Reserve(t.Context(), about("A"))
	requireExceeded(t, err, first.Order)

	require.NoError(t, store.Settle(t.Context(), first, stores.Kept))
	_, err = store.Reserve(t.Context(), about("A"))
	require.NoError(t, err)
}

// everything returns a reservation that uses up everything.
func everything(s stores.Scope) stores.Reservation {
	return need(s, func(r *stores.Reservation) {
		r.Rates = []stores.Rate{{Key: s.Key("rate"), PerSecond: 0.001, Burst: 1}}
		r.Budgets = []stores.Budget{budget(s.Key("one"), 10, 10), budget(s.Key("two"), 100, 100)}
		r.Order = s.Key("order")
	})
}

func allOrNothing(t *testing.T, store stores.Reservations) {
	for name, use := range map[string]func(s stores.Scope, r *stores.Reservation) stores.Key{
		"rate": func(s stores.Scope, r *stores.Reservation) stores.Key {
			r.Rates = []stores.Rate{{Key: s.Key("rate"), PerSecond: 0.001, Burst: 1}}
			return r.Rates[0].Key
		},
		"budget": func(s stores.Scope, r *stores.Reservation) stores.Key {
			r.Budgets = []stores.Budget{budget(s.Key("two"), 100, 1)}
			return r.Budgets[0].Key
		},
		"order": func(s stores.Scope, r *stores.Reservation) stores.Key {
			r.Order = s.Key("order")
			return r.Order
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := scope(t)
			var usedUp stores.Key
			used := need(s, func(r *stores.Reservation) { usedUp = use(s, r) })
			_, err := store.Reserve(t.Context(), used)
			require.NoError(t, err)
			for range 3 {
				_, err = store.Reserve(t.Context(), everything(s))
				requireExceeded(t, err, usedUp)
			}
			require.NoError(t, store.Settle(t.Context(), used, stores.Unsent))
			_, err = store.Reserve(t.Context(), everything(s))
			require.NoError(t, err, "what was refused has taken something")
		})
	}
}

func settlements(t *testing.T, store stores.Reservations) {
	for name, test := range map[string]struct {
		settlement          stores.Settlement
		rateBack, moneyBack bool
	}{
		"kept":     {stores.Kept, false, false},
		"refunded": {stores.Refunded, false, true},
		"unsent":   {stores.Unsent, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := scope(t)
			first := everything(s)
			_, err := store.Reserve(t.Context(), first)
			require.NoError(t, err)
			require.NoError(t, store.Settle(t.Context(), first, test.settlement))
			try := func(change func(*stores.Reservation)) error {
				_, err := store.Reserve(t.Context(), need(s, change))
				return err
			}
			assert.NoError(t, try(func(r *stores.Reservation) { r.Order = first.Order }))
			err = try(func(r *stores.Reservation) { r.Rates = first.Rates })
			assert.Equal(t, test.rateBack, err == nil)
			for _, b := range first.Budgets {
				err = try(func(r *stores.Reservation) { r.Budgets = []stores.Budget{b} })
				assert.Equal(t, test.moneyBack, err == nil)
			}
		})
	}
}

// If an answer is lost, the operation is sent again.
func secondTimeChangesNothing(t *testing.T, store stores.Reservations) {
	s := scope(t)
	rates := []stores.Rate{{Key: s.Key("rate"), PerSecond: 0.001, Burst: 3}}
	call := func() stores.Reservation {
		return need(s, func(r *stores.Reservation) {
			r.Rates, r.Budgets, r.Order = rates, []stores.Budget{budget(s.Key("budget"), 30, 10)}, r.Call
		})
	}
	first, other := call(), call()
	for range 3 {
		left, err := store.Reserve(t.Context(), first)
		require.NoError(t, err)
		assert.EqualValues(t, 20, left[0].Remaining)
	}
	_, err := store.Reserve(t.Context(), other)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, store.Settle(t.Context(), first, stores.Unsent))
		require.NoError(t, store.Settle(t.Context(), first, stores.Refunded))
	}
	for want := range 2 {
		left, err := store.Reserve(t.Context(), call())
		require.NoError(t, err)
		assert.EqualValues(t, 10-10*want, left[0].Remaining)
	}
	_, err = store.Reserve(t.Context(), call())
	requireExceeded(t, err, rates[0].Key)
}

// After its lease has ended, a call can give nothing back, and other calls may claim its
// order.
func leaseEnds(t *testing.T, store stores.Reservations) {
	s := scope(t)
	first := everything(s)
	first.Lease = 50 * time.Millisecond
	_, err := store.Reserve(t.Context(), first)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Order = first.Order }))
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	// Both may have ended in the same millisecond, and a clock that is corrected may go back
	// into it.
	time.Sleep(first.Lease)
	require.NoError(t, store.Settle(t.Context(), first, stores.Unsent))

	_, err = store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Order = first.Order }))
	requireExceeded(t, err, first.Order)
	_, err = store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Budgets = first.Budgets }))
	requireExceeded(t, err, first.Budgets[0].Key)
}

func budgetsAreExactInParallel(t *testing.T, store stores.Reservations) {
	s := scope(t)
	const limit = 500
	var kept, most atomic.Int64
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			for range 40 {
				r := need(s, func(r *stores.Reservation) {
					r.Budgets = []stores.Budget{budget(s.Key("budget"), limit, 1+rand.Int64N(5))}
				})
				left, err := store.Reserve(t.Context(), r)
				if err != nil {
					continue
				}
				used := limit - left[0].Remaining
				for seen := most.Load(); used > seen && !most.CompareAndSwap(seen, used); seen = most.Load() {
				}
				settlement := []stores.Settlement{stores.Kept, stores.Refunded, stores.Unsent}[rand.IntN(3)]
				if settlement == stores.Kept {
					kept.Add(r.Budgets[0].Amount)
				}
				assert.NoError(t, store.Settle(t.Context(), r, settlement))
			}
		})
	}
	calls.Wait()
	assert.LessOrEqual(t, most.Load(), int64(limit))
	left, err := store.Reserve(t.Context(), need(s, func(r *stores.Reservation) {
		r.Budgets = []stores.Budget{budget(s.Key("budget"), 2*limit, 0)}
	}))
	require.NoError(t, err)
	assert.Equal(t, 2*limit-kept.Load(), left[0].Remaining)
}

func unknownIsNotReturned(t *testing.T, store stores.Reservations) {
	s := scope(t)
	_, err := store.Reserve(t.Context(), everything(s))
	require.NoError(t, err)
	require.NoError(t, store.Settle(t.Context(), everything(s), stores.Unsent))
	_, err = store.Reserve(t.Context(), need(s, func(r *stores.Reservation) { r.Budgets = everything(s).Budgets }))
	require.Error(t, err)
}
