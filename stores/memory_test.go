package stores_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/stores/storetest"
)

// openMemory returns an empty store, and a function that advances its clock.
func openMemory() (*stores.Memory, func(time.Duration)) {
	memory, now := stores.NewMemory(), time.Now()
	memory.Now = func() time.Time { return now }
	return memory, func(d time.Duration) { now = now.Add(d) }
}

func TestMemoryClaims(t *testing.T) {
	storetest.TestClaims(t, func(*testing.T) storetest.Subject {
		memory, pass := openMemory()
		return storetest.Subject{Replicas: []stores.Claims{memory, memory}, Pass: pass}
	})
}

// Only the last finished keys are remembered. Held keys are never forgotten because of them.
func TestMemoryIsBounded(t *testing.T) {
	memory, pass := openMemory()
	scope := stores.NewScope("test")
	underWay := scope.Key("under way")
	_, _, err := memory.Claim(t.Context(), underWay, time.Hour)
	require.NoError(t, err)
	key := func(i int) stores.Key { return scope.Key(strconv.Itoa(i)) }
	for i := range stores.MaxDone + 100 {
		state, claim, err := memory.Claim(t.Context(), key(i), time.Hour)
		require.NoError(t, err)
		require.Equal(t, stores.New, state)
		require.NoError(t, memory.Finish(t.Context(), claim, time.Hour))
		pass(time.Millisecond)
	}
	for i, expected := range map[int]stores.State{0: stores.New, 99: stores.New, 100 + stores.MaxDone - 1: stores.Done, 100: stores.Done} {
		state, claim, err := memory.Claim(t.Context(), key(i), time.Hour)
		require.NoError(t, err)
		assert.Equal(t, expected, state, i)
		require.NoError(t, memory.Release(t.Context(), claim))
	}
	state, _, err := memory.Claim(t.Context(), underWay, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, stores.UnderWay, state)
}

// A key reveals nothing about its parts, and different lists of parts never have the same
// key.
func TestKeys(t *testing.T) {
	scope := stores.NewScope("payermax_notify", "020213827212251")
	key := scope.Key("notification", "P1000000000")
	assert.Regexp(t, `^\{[0-9a-f]{32}\}[0-9a-f]{32}$`, key.String())
	assert.Equal(t, key, stores.NewScope("payermax_notify", "020213827212251").Key("notification", "P1000000000"))
	for _, other := range []stores.Key{
		scope.Key("notification", "P100000000", "0"), scope.Key("notificationP1000000000"),
		stores.NewScope("payermax_notify0", "20213827212251").Key("notification", "P1000000000"),
	} {
		assert.NotEqual(t, key, other)
	}
}
