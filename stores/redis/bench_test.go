package redis

import (
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// BenchmarkNotification measures what the guard adds to a new notification: a claim before it
// is delivered, and the end of the claim afterwards. BenchmarkDuplicate measures what it adds
// to a notification that was accepted before.
func BenchmarkNotification(b *testing.B) {
	for name, store := range benchmarked(b) {
		b.Run(name, func(b *testing.B) {
			scope, i := stores.NewScope(rand.Text()), 0
			for b.Loop() {
				i++
				state, claim, err := store.Claim(b.Context(), scope.Key(strconv.Itoa(i)), time.Minute)
				require.NoError(b, err)
				require.Equal(b, stores.New, state)
				require.NoError(b, store.Finish(b.Context(), claim, time.Minute))
			}
		})
	}
}

func BenchmarkDuplicate(b *testing.B) {
	for name, store := range benchmarked(b) {
		b.Run(name, func(b *testing.B) {
			key := stores.NewScope(b.Name()).Key("done")
			require.NoError(b, store.Finish(b.Context(), stores.NewClaim(key), time.Hour))
			for b.Loop() {
				state, _, err := store.Claim(b.Context(), key, time.Minute)
				require.NoError(b, err)
				require.Equal(b, stores.Done, state)
			}
		})
	}
}

// BenchmarkLimits measures what a rate, two budgets and a number add to a call: a reservation
// before it is signed, and the settlement, for which the call does not wait.
func BenchmarkLimits(b *testing.B) {
	for name, store := range benchmarked(b) {
		scope := stores.NewScope(rand.Text())
		r := stores.Reservation{
			Lease: time.Minute,
			Rates: []stores.Rate{{Key: scope.Key("rate"), PerSecond: 1e6, Burst: 1e6}},
			Budgets: []stores.Budget{
				{Key: scope.Key("day"), Window: stores.Day, Limit: 1 << 52, Amount: 1},
				{Key: scope.Key("month"), Window: stores.Month, Limit: 1 << 52, Amount: 1},
			},
		}
		b.Run(name+"/reserve", func(b *testing.B) {
			for b.Loop() {
				r.Call, r.Order = scope.NewKey(), scope.NewKey()
				_, err := store.Reserve(b.Context(), r)
				require.NoError(b, err)
			}
		})
		b.Run(name+"/both", func(b *testing.B) {
			for b.Loop() {
				r.Call, r.Order = scope.NewKey(), scope.NewKey()
				_, err := store.Reserve(b.Context(), r)
				require.NoError(b, err)
				require.NoError(b, store.Settle(b.Context(), r, stores.Kept))
			}
		})
	}
}

// benchmarked returns the stores to compare.
func benchmarked(b *testing.B) map[string]stores.Store {
	return map[string]stores.Store{
		"memory": stores.NewMemory(),
		"redis":  open(b, Settings{Addresses: []string{startServer(b).address}}),
	}
}
