package limits

import (
	"context"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// maxSettlements is how many settlements may be in transit at once, so that they do not fill
// the memory while the store cannot be reached. Further ones are lost, so what their calls
// took stays taken.
const maxSettlements = 2000

// arriving is how long the end of a config waits for settlements in transit.
const arriving = time.Second

var lostSettlements = prom.Counter("settlements_lost_total",
	"Calls whose outcome could not be reported to the shared store, so that what they used of budgets and rates stays used.")

func init() { prom.Share(lostSettlements) }

// settlements tells a store the outcomes of calls, in the background.
type settlements struct {
	store stores.Reservations

	// onWay holds the settlements in transit. Each is closed once the store has received it,
	// or never will. A sync.WaitGroup would not do: while a replaced config waits for them,
	// its calls continue and send more.
	mutex sync.Mutex
	onWay map[chan struct{}]struct{}
}

func newSettlements(store stores.Reservations) *settlements {
	return &settlements{store: store, onWay: make(map[chan struct{}]struct{})}
}

// send tells the store, and retries until the store has answered or the call's lease is over.
// After that, the store would no longer know the call.
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

// begin adds a settlement to those in transit, if there is room for it.
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

// end removes a settlement from those in transit.
func (s *settlements) end(sent chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.onWay, sent)
	close(sent)
}

// first returns one of the settlements in transit, or nil if there is none.
func (s *settlements) first() chan struct{} {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for sent := range s.onWay {
		return sent
	}
	return nil
}

// wait gives settlements in transit a moment to arrive, including those that are sent
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
