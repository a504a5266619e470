package limits_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// told is a store that replicas share, and keeps what it was last told of a budget.
type told struct {
	*stores.Memory
	last stores.Balance
}

func (s *told) Reserve(ctx context.Context, r stores.Reservation) ([]stores.Balance, error) {
	s.last = r.Budgets[0].Last
	return s.Memory.Reserve(ctx, r)
}

// What the store is told of a budget is what was used of it, also by a handler that holds
// another limit. The store needs it once it has lost its data.
func TestBudgetsAreKnownByWhatIsUsed(t *testing.T) {
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
}
