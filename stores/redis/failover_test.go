package redis

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// When a Sentinel replaces the server with its replica, the gateway's own books show that a
// budget is exceeded at most by what the replica had not received: what was in flight, if it
// had kept up, and everything moved since, if it was cut off.
func TestBudgetsThroughFailover(t *testing.T) {
	t.Parallel()
	const inFlight = buyers * most
	begin := func(t *testing.T) (first, second *process, at *gateway, sidecars []*sidecar) {
		t.Helper()
		first, second, by := startWatched(t)
		at = startGateway(t)
		return first, second, at, startSigners(t, 3, at, "address "+by.address+"\nsentinel_master payermax\ntimeout 500ms", "budget IDR 200000 per month")
	}
	t.Run("the replica has kept up", func(t *testing.T) {
		t.Parallel()
		first, second, at, sidecars := begin(t)
		beyond, without := buy(t, sidecars, at, func() {
			first.kill()
			second.awaitMaster()
		})
		moved := at.moved.Load()
		t.Logf("of %d, %d were moved; %d orders were beyond the budget, %d without the store", budget, moved, beyond, without)
		assert.LessOrEqual(t, moved, int64(budget+inFlight))
		assert.GreaterOrEqual(t, moved, int64(budget-inFlight-most))
		assert.NotZero(t, without, "nobody spends while there is no server")
	})
	t.Run("the replica was cut off", func(t *testing.T) {
		t.Parallel()
		first, second, at, sidecars := begin(t)
		for range 20 {
			sidecars[0].order(most)
		}
		awaitCopied(t, first)
		first.cutOff()
		copied := at.moved.Load()
		var orders sync.WaitGroup
		for i := range buyers {
			orders.Go(func() {
				for range 4 {
					sidecars[i%len(sidecars)].order(most)
				}
			})
		}
		orders.Wait()
		lost := at.moved.Load() - copied
		require.NotZero(t, lost)
		first.kill()
		second.awaitMaster()
		for _, s := range sidecars {
			require.Eventually(t, func() bool {
				status, _ := s.order(1)
				return status != http.StatusServiceUnavailable
			}, time.Minute, 100*time.Millisecond, "the sidecar does not find the new server")
		}
		buy(t, sidecars, at, nil)
		moved := at.moved.Load()
		t.Logf("of %d, %d were moved, of which the replica had not heard of %d", budget, moved, lost)
		assert.LessOrEqual(t, moved, budget+lost+inFlight)
		assert.GreaterOrEqual(t, moved, int64(budget-inFlight-most))
	})
	t.Run("the server takes no writes without its replica", func(t *testing.T) {
		t.Parallel()
		first, second, at, sidecars := begin(t)
		require.NoError(t, first.client().ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
		require.NoError(t, first.client().ConfigSet(t.Context(), "min-replicas-max-lag", "2").Err())
		require.NoError(t, second.client().ConfigSet(t.Context(), "min-replicas-to-write", "0").Err())
		first.cutOff()
		require.Eventually(t, func() bool {
			status, _ := sidecars[0].order(1)
			return status == http.StatusServiceUnavailable
		}, time.Minute, 50*time.Millisecond, "the server takes writes that nobody copies")
		before := at.moved.Load()
		first.kill()
		second.awaitMaster()
		buy(t, sidecars, at, nil)
		moved := at.moved.Load()
		t.Logf("of %d, %d were moved, %d of them before", budget, moved, before)
		assert.LessOrEqual(t, moved, budget+before+inFlight)
	})
}
