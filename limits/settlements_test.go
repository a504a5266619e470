package limits

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// unheard is a store that does not receive settlements, at first or ever.
type unheard struct {
	stores.Reservations
	attempts atomic.Int64
	failing  int64
}

func (u *unheard) Settle(context.Context, stores.Reservation, stores.Settlement) error {
	if u.attempts.Add(1) <= u.failing {
		return errors.New("it is away")
	}
	return nil
}

// late is a store that takes this long to receive a settlement.
type late time.Duration

func (late) Reserve(context.Context, stores.Reservation) ([]stores.Balance, error) { return nil, nil }

func (l late) Settle(ctx context.Context, _ stores.Reservation, _ stores.Settlement) error {
	if l == 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(l)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lost returns how many outcomes were lost so far.
func lost(t *testing.T) float64 {
	t.Helper()
	return testtool.Counted(t, lostSettlements)
}

// The store is told the outcome of a call repeatedly, for as long as it knows the call. After
// that, the outcome is lost, and the metric counts it.
func TestSettlementsAreLost(t *testing.T) {
	for name, test := range map[string]struct {
		failing int64
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
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.Nil(t, told.first())
				assert.InDelta(t, before+test.lost, lost(t), 0)
				assert.Greater(t, store.attempts.Load(), min(test.failing, 50))
			})
		})
	}
}

// Settlements for a store that cannot be reached do not fill the memory. Once the store has
// received them, there is room again.
func TestSettlementsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := lost(t)
		told := newSettlements(&unheard{failing: maxSettlements})
		for range maxSettlements + 3 {
			told.send(stores.Reservation{Lease: time.Minute}, stores.Kept)
		}
		assert.InDelta(t, before+3, lost(t), 0)
		time.Sleep(time.Second)
		for range maxSettlements {
			told.send(stores.Reservation{Lease: time.Minute}, stores.Kept)
		}
		assert.InDelta(t, before+3, lost(t), 0)
	})
}

// The wait for settlements ends when the last one has arrived, or after a moment.
func TestSettlementsAreAwaited(t *testing.T) {
	for name, test := range map[string]struct{ takes, waits time.Duration }{
		"at once":  {0, 0},
		"in time":  {300 * time.Millisecond, 400 * time.Millisecond}, // since the second is sent later
		"too late": {time.Hour, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := newSettlements(late(test.takes))
				told.send(stores.Reservation{Lease: time.Minute}, stores.Kept)
				time.AfterFunc(100*time.Millisecond, func() { told.send(stores.Reservation{Lease: time.Minute}, stores.Kept) })
				began := time.Now()
				told.wait()
				assert.Equal(t, test.waits, time.Since(began))
				time.Sleep(2 * time.Minute) // until all leases are over
			})
		})
	}
}

// While a replaced config waits for settlements, its calls continue and send more: here, each
// is sent just when the previous one has arrived.
func TestSettlementsAreSentWhileOthersAreAwaited(t *testing.T) {
	store := heard(make(chan struct{}, 1))
	told := newSettlements(store)
	var isOver atomic.Bool
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() {
			for ; !isOver.Load(); runtime.Gosched() {
				told.wait()
			}
		})
	}
	for range 6000 {
		told.send(stores.Reservation{Lease: time.Minute}, stores.Kept)
		<-store
	}
	isOver.Store(true)
	waiting.Wait()
	told.wait()
	assert.Nil(t, told.first())
}

// heard is a store that signals when it receives a settlement.
type heard chan struct{}

func (heard) Reserve(context.Context, stores.Reservation) ([]stores.Balance, error) { return nil, nil }

func (h heard) Settle(context.Context, stores.Reservation, stores.Settlement) error {
	h <- struct{}{}
	return nil
}
