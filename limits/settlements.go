package limits

import (
	"context"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// maxSettlements is how many settlements may be on their way at once, so that they do not
// fill the memory while the store is away. Of more, what was taken stays taken.
const maxSettlements = 2000

// arriving is how long the end of a config waits for settlements.
const arriving = time.Second

var lostSettlements = prom.Counter("settlements_lost_total",
	"Calls whose outcome could not be told to the store that replicas share, so that what they took of budgets and rates stays taken.")

func init() { prom.Share(lostSettlements) }

// settlements tell a store what became of calls, without anybody waiting for it.
type settlements struct {
	store stores.Reservations
	room  chan struct{}
	onWay sync.WaitGroup
}

func newSettlements(store stores.Reservations) *settlements {
	return &settlements{store: store, room: make(chan struct{}, maxSettlements)}
}

// send tells the store, again and again until it has heard or the call's lease is over:
// then it would not know the call any more.
func (s *settlements) send(r stores.Reservation, settlement stores.Settlement) {
	select {
	case s.room <- struct{}{}:
	default:
		lostSettlements.Inc()
		return
	}
	s.onWay.Go(func() {
		defer func() { <-s.room }()
		ctx, end := context.WithTimeout(context.Background(), r.Lease)
		defer end()
		for pause := 50 * time.Millisecond; s.store.Settle(ctx, r, settlement) != nil; pause = min(2*pause, time.Second) {
			select {
			case <-ctx.Done():
				lostSettlements.Inc()
				return
			case <-time.After(pause):
			}
		}
	})
}

// wait gives settlements that are on their way a moment to arrive.
func (s *settlements) wait() {
	arrived := make(chan struct{})
	go func() {
		s.onWay.Wait()
		close(arrived)
	}()
	select {
	case <-arrived:
	case <-time.After(arriving):
	}
}
