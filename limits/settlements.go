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
	"Calls whose outcome could not be reported to the shared store, so that what they used of budgets and rates stays used.")

func init() { prom.Share(lostSettlements) }

// settlements tell a store what became of calls, without anybody waiting for it.
type settlements struct {
	store stores.Reservations

	// onWay are those that the store has not heard yet. Each is closed once it has, or
	// never will. A sync.WaitGroup would not do: while a config that is replaced waits for
	// them, its calls go on, and have others sent.
	mutex sync.Mutex
	onWay map[chan struct{}]struct{}
}

func newSettlements(store stores.Reservations) *settlements {
	return &settlements{store: store, onWay: make(map[chan struct{}]struct{})}
}

// send tells the store, again and again until it has heard or the call's lease is over:
// then it would not know the call any more.
func (s *settlements) send(r stores.Reservation, settlement stores.Settlement) {
	sent, hasRoom := s.begin()
	if !hasRoom {
		lostSettlements.Inc()
		return
	}
	go func() {
		defer s.end(sent)
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
	}()
}

// begin adds a settlement to those on their way, if there is room for it.
func (s *settlements) begin() (sent chan struct{}, hasRoom bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.onWay) == maxSettlements {
		return nil, false
	}
	sent = make(chan struct{})
	s.onWay[sent] = struct{}{}
	return sent, true
}

// end takes a settlement out of those on their way.
func (s *settlements) end(sent chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.onWay, sent)
	close(sent)
}

// first returns one of the settlements on their way, or nil if there is none.
func (s *settlements) first() chan struct{} {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for sent := range s.onWay {
		return sent
	}
	return nil
}

// wait gives settlements that are on their way a moment to arrive, and those that are sent
// meanwhile.
func (s *settlements) wait() {
	moment := time.After(arriving)
	for sent := s.first(); sent != nil; sent = s.first() {
		select {
		case <-sent:
		case <-moment:
			return
		}
	}
}
