package redis

import (
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// BenchmarkNotification is what the guard adds to a notification that is new: a claim
// before it is delivered, and its end afterwards. BenchmarkDuplicate is what it adds to one
// that was accepted before.
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

// benchmarked are the stores to compare.
func benchmarked(b *testing.B) map[string]stores.Store {
	return map[string]stores.Store{
		"memory": stores.NewMemory(),
		"redis":  open(b, Settings{Addresses: []string{startServer(b, redisServer).address}}),
	}
}
