// Package storetest provides the tests that every store must pass.
package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// Subject is a store under test.
type Subject struct {
	// Replicas are the store as several processes see it: at least two, or the same one twice
	// for a store within one process.
	Replicas []stores.Claims
	// Pass lets time pass on the store's clock.
	Pass func(time.Duration)
}

// With these values, a machine that stalls for less than half a lease does no harm to tests
// of a store that uses real time.
const (
	lease    = 5 * time.Second
	remember = 2 * lease
)

// TestClaims checks that a store keeps the promises of [stores.Claims]. Each subtest opens a
// new store.
func TestClaims(t *testing.T, open func(*testing.T) Subject) {
	key := stores.NewScope("test").Key("thing")

	for name, test := range map[string]func(t *testing.T, s Subject){
		"one at a time": func(t *testing.T, s Subject) {
			claim := taken(t, s.Replicas[0], key)
			assertState(t, s.Replicas[1], key, stores.UnderWay)
			assertState(t, s.Replicas[0], key, stores.UnderWay)
			taken(t, s.Replicas[1], stores.NewScope("test").Key("other thing"))
			taken(t, s.Replicas[1], stores.NewScope("another test").Key("thing"))
			require.NoError(t, s.Replicas[0].Release(t.Context(), claim))
			taken(t, s.Replicas[1], key)
		},
		"done is remembered": func(t *testing.T, s Subject) {
			claim := taken(t, s.Replicas[0], key)
			require.NoError(t, s.Replicas[0].Finish(t.Context(), claim, remember))
			assertState(t, s.Replicas[0], key, stores.Done)
			assertState(t, s.Replicas[1], key, stores.Done)
			s.Pass(lease)
			assertState(t, s.Replicas[1], key, stores.Done)
			s.Pass(remember)
			taken(t, s.Replicas[1], key)
		},
		"a lease ends": func(t *testing.T, s Subject) {
			taken(t, s.Replicas[0], key)
			s.Pass(lease + lease/10)
			taken(t, s.Replicas[1], key)
		},
		"a lease is renewed": func(t *testing.T, s Subject) {
			claim := taken(t, s.Replicas[0], key)
			for range 3 {
				s.Pass(lease / 2)
				require.NoError(t, s.Replicas[0].Renew(t.Context(), claim, lease))
				assertState(t, s.Replicas[1], key, stores.UnderWay)
			}
		},
		"a late renewal takes nothing from others": func(t *testing.T, s Subject) {
			late := taken(t, s.Replicas[0], key)
			s.Pass(lease + lease/10)
			current := taken(t, s.Replicas[1], key)
			require.NoError(t, s.Replicas[0].Renew(t.Context(), late, 100*lease))
			require.NoError(t, s.Replicas[1].Release(t.Context(), current))
			taken(t, s.Replicas[0], key)
		},
		"what was lost is taken again": func(t *testing.T, s Subject) {
			claim := taken(t, s.Replicas[0], key)
			s.Pass(lease + lease/10)
			require.NoError(t, s.Replicas[0].Renew(t.Context(), claim, lease))
			assertState(t, s.Replicas[1], key, stores.UnderWay)
		},
		"a renewal undoes nothing that is done": func(t *testing.T, s Subject) {
			claim := taken(t, s.Replicas[0], key)
			require.NoError(t, s.Replicas[0].Finish(t.Context(), claim, remember))
			require.NoError(t, s.Replicas[0].Renew(t.Context(), claim, lease))
			assertState(t, s.Replicas[1], key, stores.Done)
			require.NoError(t, s.Replicas[0].Release(t.Context(), claim))
			assertState(t, s.Replicas[1], key, stores.Done)
		},
		"only the owner releases": func(t *testing.T, s Subject) {
			late := taken(t, s.Replicas[0], key)
			s.Pass(lease + lease/10)
			taken(t, s.Replicas[1], key)
			require.NoError(t, s.Replicas[0].Release(t.Context(), late))
			assertState(t, s.Replicas[0], key, stores.UnderWay)
			require.NoError(t, s.Replicas[0].Release(t.Context(), late), "a second time")
		},
		"done is a fact": func(t *testing.T, s Subject) {
			late := taken(t, s.Replicas[0], key)
			s.Pass(lease + lease/10)
			current := taken(t, s.Replicas[1], key)
			require.NoError(t, s.Replicas[0].Finish(t.Context(), late, remember))
			require.NoError(t, s.Replicas[1].Release(t.Context(), current))
			assertState(t, s.Replicas[1], key, stores.Done)
		},
		"of many, one": func(t *testing.T, s Subject) {
			const claimants = 50
			states := make([]stores.State, claimants)
			var all sync.WaitGroup
			for i := range claimants {
				all.Go(func() {
					var err error
					states[i], _, err = s.Replicas[i%len(s.Replicas)].Claim(t.Context(), key, 100*lease)
					assert.NoError(t, err)
				})
			}
			all.Wait()
			found := make(map[stores.State]int)
			for _, state := range states {
				found[state]++
			}
			assert.Equal(t, map[stores.State]int{stores.New: 1, stores.UnderWay: claimants - 1}, found)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a remote store's clock cannot be advanced
			test(t, open(t))
		})
	}
}

// taken claims a key that must be free.
func taken(t *testing.T, by stores.Claims, key stores.Key) stores.Claim {
	t.Helper()
	state, claim, err := by.Claim(t.Context(), key, lease)
	require.NoError(t, err)
	require.Equal(t, stores.New, state)
	require.Equal(t, key, claim.Key)
	return claim
}

// assertState checks the state that a new claim of the key finds.
func assertState(t *testing.T, by stores.Claims, key stores.Key, expected stores.State) {
	t.Helper()
	state, _, err := by.Claim(t.Context(), key, lease)
	require.NoError(t, err)
	assert.Equal(t, expected, state)
}
