package limits_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// errAway is the error of a store that cannot be reached.
var errAway = errors.New("connection refused")

// replicated is a shared store. It can lose its counts, and then continues from the highest
// count that any caller has seen, as Redis does.
type replicated struct {
	stores.Claims // nil, since limits claim nothing
	identity      string

	// mutex guards the fields below, also against the tests: a reminder comes each second.
	mutex sync.Mutex
	// reserves runs before a reservation is taken, answers before the store's answer is
	// returned, and settles before a settlement, unless they are nil.
	reserves, answers, settles hook
	counts                     *stores.Memory
	epoch                      int64
	before                     map[stores.Key]int64 // what was used before the epoch
	reserved                   []stores.Reservation // all reservations that were requested
	settled                    []settled
}

// hook runs during an operation, and can make it fail.
type hook func(context.Context) error

func (h hook) happen(ctx context.Context) error {
	if h == nil {
		return nil
	}
	return h(ctx)
}

type settled struct {
	of   stores.Reservation
	that stores.Settlement
}

func newReplicated() *replicated {
	s := &replicated{identity: "shared"}
	s.lose()
	return s
}

// lose makes the store lose its counts, as if it were restarted empty.
func (s *replicated) lose() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts, s.epoch, s.before = stores.NewMemory(), s.epoch+1, make(map[stores.Key]int64)
}

// away is the hook of operations while the store cannot be reached.
func away(context.Context) error { return errAway }

func (s *replicated) Identity() string { return s.identity }

func (s *replicated) Reserve(ctx context.Context, r stores.Reservation) ([]stores.Balance, error) {
	reserves, answers := s.heard(r)
	if err := reserves.happen(ctx); err != nil {
		return nil, err
	}
	left, err := s.take(ctx, r)
	if err := answers.happen(ctx); err != nil {
		return nil, err
	}
	return left, err
}

// whenAsked sets what happens to reservations from now on.
func (s *replicated) whenAsked(happens hook) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.reserves = happens
}

// whenAnswering sets what happens to its answers from now on.
func (s *replicated) whenAnswering(happens hook) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answers = happens
}

// whenSettling sets what happens to settlements from now on.
func (s *replicated) whenSettling(happens hook) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.settles = happens
}

// asked returns the reservations that were requested since the previous call of asked.
func (s *replicated) asked() []stores.Reservation {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	defer func() { s.reserved = nil }()
	return s.reserved
}

// told returns the settlements that were received since the previous call of told.
func (s *replicated) told() []settled {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	defer func() { s.settled = nil }()
	return s.settled
}

func (s *replicated) heard(r stores.Reservation) (reserves, answers hook) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.reserved = append(s.reserved, r)
	return s.reserves, s.answers
}

func (s *replicated) take(ctx context.Context, r stores.Reservation) ([]stores.Balance, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, b := range r.Budgets {
		s.hear(ctx, b)
	}
	left, err := s.counts.Reserve(ctx, r)
	for i := range left {
		left[i].Epoch = s.epoch
	}
	if exceeded, ok := errors.AsType[*stores.Exceeded](err); ok {
		exceeded.Balance.Epoch = s.epoch
	}
	return left, err
}

// hear continues from what a caller has seen of a budget whose count was lost.
func (s *replicated) hear(ctx context.Context, b stores.Budget) {
	seen := b.Limit - b.Last.Remaining
	if _, reset := b.Window.Around(time.Now()); !b.Last.Reset.Equal(reset) || b.Last.Epoch == s.epoch || seen <= s.before[b.Key] {
		return
	}
	b.Limit, b.Amount = 1<<53-1, seen-s.before[b.Key]
	_, _ = s.counts.Reserve(ctx, stores.Reservation{Call: stores.NewScope("seen").NewKey(), Lease: time.Second, Budgets: []stores.Budget{b}})
	s.before[b.Key] = seen
}

func (s *replicated) Settle(ctx context.Context, r stores.Reservation, settlement stores.Settlement) error {
	s.mutex.Lock()
	settles := s.settles
	s.mutex.Unlock()
	if err := settles.happen(ctx); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.settled = append(s.settled, settled{r, settlement})
	return s.counts.Settle(ctx, r, settlement)
}
