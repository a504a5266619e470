package limits_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// Each second, the store is told what this process has seen of the budgets that the store
// counts, in their current windows, and this process learns what others have used. Nothing is
// taken. If the store cannot be reached, this process asks for one budget only.
func TestStoreIsReminded(t *testing.T) {
	perHour := func(currency, amount string) limits.Budget {
		return limits.Budget{Currency: currency, Amount: amount, Per: "hour"}
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour - time.Minute)
		at, store := sharing(t, "orderAndPay")
		limits := within(perHour("USD", "100"), perHour("EUR", "100"))
		l, err := limits.Open(at)
		require.NoError(t, err)
		reserve := func(amount, currency string) stores.Budget {
			_, err := l.Reserve(t.Context(), order(t, at, amount, currency))
			require.NoError(t, err)
			return store.asked()[0].Budgets[0]
		}
		// used returns what the store is told about each budget in this many seconds.
		used := func(seconds time.Duration) map[stores.Key][]int64 {
			store.asked()
			time.Sleep(seconds*time.Second + time.Millisecond)
			heard := make(map[stores.Key][]int64)
			for _, r := range store.asked() {
				require.Len(t, r.Budgets, 1)
				b := r.Budgets[0]
				assert.Zero(t, b.Amount)
				assert.EqualValues(t, "hour", b.Window)
				heard[b.Key] = append(heard[b.Key], b.Limit-b.Last.Remaining)
			}
			return heard
		}
		assert.Empty(t, used(2), "nothing was seen")

		usd, eur := reserve("60", "USD"), reserve("5", "EUR")
		elsewhere, another := at, newReplicated()
		another.identity, elsewhere.Store = "another", another
		_, err = open(t, limits, elsewhere).Reserve(t.Context(), order(t, at, "1", "USD"))
		require.NoError(t, err)
		assert.Equal(t, map[stores.Key][]int64{usd.Key: {6000, 6000}, eur.Key: {500, 500}}, used(2))

		usd.Amount = 1000 // by another replica
		_, err = store.take(t.Context(), stores.Reservation{Call: stores.NewScope("another").NewKey(), Lease: time.Second, Budgets: []stores.Budget{usd}})
		require.NoError(t, err)
		assert.Equal(t, []int64{6000, 7000}, used(2)[usd.Key], "and what was heard meanwhile")
		synctest.Wait()
		for _, settled := range store.told() {
			assert.Equal(t, stores.Kept, settled.that)
		}

		store.whenAsked(away)
		asked := 0
		for _, told := range used(3) {
			asked += len(told)
		}
		assert.Equal(t, 3, asked)

		store.whenAsked(func(context.Context) error { return nil })
		assert.Len(t, used(1), 2)
		time.Sleep(time.Minute)
		assert.Empty(t, used(2), "the hour is over")
		reserve("1", "USD")
		assert.Len(t, used(1), 1)
		l.Close()
		assert.Empty(t, used(2))
	})
}
