package limits_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// told is a shared store that remembers what it was last told about a budget.
type told struct {
	*stores.Memory
	identity string

	mutex sync.Mutex // reminders come concurrently
	told  stores.Balance
}

func (s *told) Identity() string { return s.identity }

func (s *told) Reserve(ctx context.Context, r stores.Reservation) ([]stores.Balance, error) {
	s.mutex.Lock()
	s.told = r.Budgets[0].Last
	s.mutex.Unlock()
	return s.Memory.Reserve(ctx, r)
}

// last returns what the store was last told.
func (s *told) last() stores.Balance {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.told
}

// The store is told how much of a budget was used, even by a handler with another limit. The
// store needs this after it has lost its data.
func TestStoreLearnsHowMuchIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		store := &told{Memory: stores.NewMemory()}
		at.Store = store
		first := open(t, within(perDay("USD", "100")), at)
		_, err := first.Reserve(t.Context(), order(t, at, "60", "USD"))
		require.NoError(t, err)
		assert.Zero(t, store.last(), "nothing was seen before the first call")

		for _, limit := range []struct {
			amount string
			left   int64
		}{{"70", 7000 - 6000}, {"1000", 100000 - 6001}, {"60", 6000 - 6002}} {
			l := open(t, within(perDay("USD", limit.amount)), at)
			_, _ = l.Reserve(t.Context(), order(t, at, "0.01", "USD"))
			assert.Equal(t, limit.left, store.last().Remaining, limit.amount)
		}
	})
}

// The counts of one store do not affect another store or the process.
func TestBudgetsOfStoresAreSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		counts := map[string]*stores.Memory{"uat": stores.NewMemory(), "production": stores.NewMemory()}
		reserve := func() {
			_, err := open(t, within(perDay("USD", "100")), at).Reserve(t.Context(), order(t, at, "10", "USD"))
			require.NoError(t, err)
		}
		for i := range int64(4) {
			for identity, memory := range counts {
				store := &told{Memory: memory, identity: identity} // another one after each reload
				at.Store = store
				reserve()
				if i == 0 {
					assert.Zero(t, store.last(), identity)
				} else {
					assert.Equal(t, 10000-i*1000, store.last().Remaining, identity)
				}
			}
			at.Store = stores.NewMemory()
			reserve()
		}
	})
}

// A call that was in transit when the store lost its count could not tell the store what had
// been seen. Its answer does not replace what this process has seen of the budget. A second
// later, the store knows all that was seen, however often it loses its count.
func TestLostCountsAreRemembered(t *testing.T) {
	type reserve = func(amount int)
	asked, answered := (*replicated).whenAsked, (*replicated).whenAnswering
	for name, test := range map[string]struct {
		seen      int // before the slow call
		slow      func(*replicated, hook)
		meanwhile func(*replicated, reserve)
		isLost    bool // after both calls
		used      int
	}{
		"it comes after the loss":             {10, asked, func(s *replicated, reserve reserve) { reserve(7); s.lose() }, false, 10 + 7 + 50},
		"the same, of the first calls":        {0, asked, func(s *replicated, reserve reserve) { reserve(7); s.lose() }, false, 7 + 50},
		"its answer comes after another call": {10, answered, func(s *replicated, reserve reserve) { s.lose(); reserve(7) }, false, 10 + 7 + 50},
		"the loss comes after both":           {0, asked, func(_ *replicated, reserve reserve) { reserve(7) }, true, 7 + 50},
		"it comes in the next hour":           {10, asked, func(s *replicated, reserve reserve) { reserve(7); time.Sleep(10 * time.Second); s.lose() }, false, 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Hour - 10*time.Second)
				at, store := sharing(t, "orderAndPay")
				l := open(t, within(limits.Budget{Currency: "USD", Amount: "100", Per: "hour"}), at)
				reserve := func(amount int) {
					_, err := l.Reserve(t.Context(), order(t, at, strconv.Itoa(amount), "USD"))
					assert.NoError(t, err)
				}
				if test.seen > 0 {
					reserve(test.seen)
				}
				isBack, isOver := make(chan struct{}), make(chan struct{})
				test.slow(store, func(context.Context) error { <-isBack; return nil })
				go func() { defer close(isOver); reserve(50) }()
				synctest.Wait() // it is in transit
				test.slow(store, nil)
				test.meanwhile(store, reserve)
				close(isBack)
				<-isOver
				if test.isLost {
					store.lose()
				}
				for range 2 {
					time.Sleep(time.Second + time.Millisecond)
					store.lose()
				}

				_, err := l.Reserve(t.Context(), order(t, at, "100", "USD"))
				assert.Contains(t, requireRefused(t, err, limits.ByBudget).Msg, fmt.Sprintf("has %d.00 left", 100-test.used))
			})
		})
	}
}
