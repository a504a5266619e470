package limits_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// told is a store that replicas share, and keeps what it was last told of a budget.
type told struct {
	*stores.Memory
	identity string
	last     stores.Balance
}

func (s *told) Identity() string { return s.identity }

func (s *told) Reserve(ctx context.Context, r stores.Reservation) ([]stores.Balance, error) {
	s.last = r.Budgets[0].Last
	return s.Memory.Reserve(ctx, r)
}

// What the store is told of a budget is what was used of it, also by a handler that holds
// another limit. The store needs it once it has lost its data.
func TestBudgetsAreKnownByWhatIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		store := &told{Memory: stores.NewMemory()}
		at.Store = store
		first := open(t, within(perDay("USD", "100")), at)
		_, err := first.Reserve(t.Context(), order(t, at, "60", "USD"))
		require.NoError(t, err)
		assert.Zero(t, store.last, "nothing was seen before the first call")

		for _, limit := range []struct {
			amount string
			left   int64
		}{{"70", 7000 - 6000}, {"1000", 100000 - 6001}, {"60", 6000 - 6002}} {
			l := open(t, within(perDay("USD", limit.amount)), at)
			_, _ = l.Reserve(t.Context(), order(t, at, "0.01", "USD"))
			assert.Equal(t, limit.left, store.last.Remaining, limit.amount)
		}
	})
}

// What one store counts is nothing to another, or to the process.
func TestBudgetsOfStoresAreApart(t *testing.T) {
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
					assert.Zero(t, store.last, identity)
				} else {
					assert.Equal(t, 10000-i*1000, store.last.Remaining, identity)
				}
			}
			at.Store = stores.NewMemory()
			reserve()
		}
	})
}
