package limits

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// unheard is a store that does not hear what comes of calls, at first or ever.
type unheard struct {
	stores.Reservations
	attempts, failing int
}

func (u *unheard) Settle(context.Context, stores.Reservation, stores.Settlement) error {
	u.attempts++
	if u.attempts <= u.failing {
		return errors.New("it is away")
	}
	return nil
}

// lost is how many outcomes were lost so far.
func lost(t *testing.T) float64 {
	t.Helper()
	return testtool.Counted(t, lostSettlements)
}

// The store is told again and again what came of a call, for as long as it knows the call.
// After that, the outcome is lost, which the metric counts.
func TestSettlementsAreLost(t *testing.T) {
	for name, test := range map[string]struct {
		failing int
		lost    float64
	}{
		"heard":              {0, 0},
		"heard in the end":   {5, 0},
		"not heard for ever": {1 << 30, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := lost(t)
				store := &unheard{failing: test.failing}
				told := newSettlements(store)
				told.send(stores.Reservation{Lease: time.Minute}, stores.Kept)
				told.onWay.Wait()
				assert.InDelta(t, before+test.lost, lost(t), 0)
				assert.Greater(t, store.attempts, min(test.failing, 50))
			})
		})
	}
}
