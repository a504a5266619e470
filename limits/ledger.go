package limits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// scope is the scope of all keys in this package. A budget belongs to a merchant, whichever
// handlers sign for it. A rate belongs to a handler, whichever merchants it signs for.
var scope = stores.NewScope("payermax_sign")

// The values of without_store: what happens to calls about money while the store cannot be
// reached.
const (
	withoutStoreRefuse = "refuse"
	withoutStoreAlone  = "alone"
)

// ledger counts what is used up: in the books of this process, or in a store that is shared
// with other replicas.
type ledger struct {
	// gate counts this handler's rates, before any other store is asked.
	gate *stores.Memory
	// books outlive a reload of the config.
	books *books
	// store is the identity of the store that counts, or "" if the books count.
	store string
	// shared is the shared store, or nil.
	shared *shared
	// lease is how long a call can be in progress.
	lease time.Duration
}

// settling is how long a settlement may take after the end of its call.
const settling = 10 * time.Second

// openLedger checks the options of the store, and opens the ledger.
func (l *Limits) openLedger(at Place) (*ledger, error) {
	_, isMemory := at.Store.(*stores.Memory)
	isShared := !isMemory // with other replicas
	switch {
	case l.WithoutStore != "" && l.WithoutStore != withoutStoreRefuse && l.WithoutStore != withoutStoreAlone:
		return nil, fmt.Errorf("without_store must be refuse or alone, but is %q", l.WithoutStore)
	case l.Replicas < 0:
		return nil, errors.New("replicas must be a positive whole number")
	case !isShared && l.WithoutStore != "":
		return nil, errors.New("without_store has no meaning without a shared store; configure one, or remove it")
	case !isShared && l.Replicas != 0:
		return nil, errors.New("replicas has no meaning without a shared store; configure one, or remove it")
	}
	opened := &ledger{gate: stores.NewMemory(), books: openBooks(), lease: at.Longest + settling}
	if isShared {
		if of, isIdentified := at.Store.(stores.Identified); isIdentified {
			opened.store = of.Identity()
		}
		opened.shared = newShared(at.Store, l.WithoutStore == withoutStoreAlone, max(1, l.Replicas), at.Logger)
		var ctx context.Context
		ctx, opened.shared.forget = context.WithCancel(context.Background())
		go opened.remind(ctx)
	}
	return opened, nil
}

// close releases the books and the store.
func (l *ledger) close() {
	if l.shared != nil {
		l.shared.forget()
	}
	closeBooks()
}

// need is what a call needs, and how to refuse the call if that is used up.
type need struct {
	stores.Reservation
	ledger   *ledger
	refusals map[stores.Key]func(*stores.Exceeded) error
	// sharers is how many replicas count their own share while the store cannot be reached.
	// Otherwise it is 0.
	sharers int
}

func (l *ledger) newNeed() *need {
	return &need{
		Reservation: stores.Reservation{Call: scope.NewKey(), Lease: l.lease},
		ledger:      l,
		refusals:    make(map[stores.Key]func(*stores.Exceeded) error),
	}
}

// isAboutMoney reports whether the call needs more than rates: a budget or a number.
func (n *need) isAboutMoney() bool { return len(n.Budgets) > 0 || n.Order != (stores.Key{}) }

// refuse returns the refusal for what is used up.
func (n *need) refuse(e *stores.Exceeded) error { return n.refusals[e.Key](e) }

// take takes what a call needs, or nothing.
func (l *ledger) take(ctx context.Context, n *need) (*Reserved, error) {
	taken := &Reserved{ledger: l}
	if l.shared != nil && l.shared.away.Load() {
		n.sharers = l.shared.replicas // so that a refusal by the gate names the wait for this replica's share
	}
	rates := n.Reservation
	rates.Budgets, rates.Order = nil, stores.Key{}
	if err := taken.reserve(ctx, l.gate, rates, n); err != nil {
		return nil, err
	}
	var err error
	switch {
	case l.shared != nil:
		err = l.takeShared(ctx, n, taken)
	case n.isAboutMoney():
		money := n.Reservation
		money.Rates = nil
		err = taken.reserve(ctx, l.books.memory, money, n)
	}
	if err != nil {
		taken.Settle(stores.Unsent)
		return nil, err
	}
	return taken, nil
}

// takeShared takes what the call needs from the shared store. If the store cannot be reached,
// it takes from this replica's share. A call about money is refused then, unless
// without_store is alone.
func (l *ledger) takeShared(ctx context.Context, n *need, taken *Reserved) error {
	if len(n.Rates) == 0 && !n.isAboutMoney() {
		return nil
	}
	n.sharers = 0
	err := taken.reserve(ctx, l.shared.store, n.Reservation, n)
	refused := reply.AsRefusal(err)
	switch {
	case err == nil || refused.Limit != "":
		l.shared.isThere()
		return err
	case ctx.Err() != nil:
		return delivery.NotSentInTime(context.Cause(ctx))
	}
	l.shared.isAway(err)
	if n.isAboutMoney() && !l.shared.alone {
		return withoutStore(err)
	}
	n.sharers = l.shared.replicas
	return taken.reserve(ctx, l.books.memory, l.shared.shareOf(n.Reservation), n)
}

// withoutStore refuses a call that cannot be counted.
func withoutStore(cause error) *reply.Refusal {
	f := reply.Denied(ByStore, "without_store "+withoutStoreRefuse, http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"the store that counts budgets cannot be reached; nothing was sent, so it is safe to try again")
	f.Header, f.Cause = retryAfter(time.Second), cause
	return f
}

// Reserved is what a call has taken. A nil Reserved is nothing.
type Reserved struct {
	ledger *ledger
	taken  []taken
}

type taken struct {
	of          stores.Reservations
	reservation stores.Reservation
	balances    []stores.Balance
}

// reserve takes a reservation from one store. Whatever a store may have taken must be
// settled, even if the store has not answered.
func (r *Reserved) reserve(ctx context.Context, of stores.Reservations, reservation stores.Reservation, n *need) error {
	if len(reservation.Rates) == 0 && len(reservation.Budgets) == 0 && reservation.Order == (stores.Key{}) {
		return nil
	}
	balances, err := of.Reserve(ctx, reservation)
	if exceeded, ok := errors.AsType[*stores.Exceeded](err); ok {
		for _, budget := range reservation.Budgets {
			if budget.Key == exceeded.Key {
				r.ledger.note(of, budget, exceeded.Balance)
			}
		}
		return n.refuse(exceeded)
	}
	r.taken = append(r.taken, taken{of, reservation, balances})
	if err != nil {
		return err
	}
	for i, balance := range balances {
		r.ledger.note(of, reservation.Budgets[i], balance)
	}
	return nil
}

// counts reports whether a store counts the budgets for all, as opposed to what this replica
// has taken alone.
func (l *ledger) counts(of stores.Reservations) bool { return l.shared == nil || of == l.shared.store }

// note records what is left of a budget.
func (l *ledger) note(by stores.Reservations, of stores.Budget, left stores.Balance) {
	if l.counts(by) {
		l.books.note(l.store, of, left)
	}
}

// last returns what was last seen of a budget with this limit.
func (l *ledger) last(key stores.Key, limit int64) stores.Balance {
	return l.books.last(account{l.store, key}, limit)
}

// HasBudgets reports whether the call counts against a budget, so that a settlement can give
// something back.
func (r *Reserved) HasBudgets() bool {
	return r != nil && slices.ContainsFunc(r.taken, func(t taken) bool { return len(t.reservation.Budgets) > 0 })
}

// Settle reports the outcome of the call. Only the first Settle has an effect. It does not
// wait for a store outside this process.
func (r *Reserved) Settle(settlement stores.Settlement) {
	if r == nil {
		return
	}
	settled := r.taken
	r.taken = nil
	for _, t := range settled {
		if shared := r.ledger.shared; shared != nil && t.of == shared.store {
			shared.settlements.send(t.reservation, settlement)
		} else {
			_ = t.of.Settle(context.Background(), t.reservation, settlement) // in memory, where it does not fail
		}
		if settlement != stores.Kept && r.ledger.counts(t.of) {
			for i, balance := range t.balances {
				r.ledger.books.giveBack(r.ledger.store, t.reservation.Budgets[i], balance)
			}
		}
	}
}

// shared is a store that replicas share.
type shared struct {
	store stores.Reservations
	// alone is set if this process counts money by itself while the store cannot be reached.
	alone       bool
	replicas    int
	away        atomic.Bool
	settlements *settlements
	logger      *zap.Logger
	// forget stops the reminders.
	forget context.CancelFunc
}

func newShared(store stores.Reservations, alone bool, replicas int, logger *zap.Logger) *shared {
	return &shared{store: store, alone: alone, replicas: replicas, settlements: newSettlements(store), logger: logger}
}

// isAway records that the store cannot be reached, and logs it once per outage.
func (s *shared) isAway(cause error) {
	if s.away.Swap(true) {
		return
	}
	budgets := "calls that count against a budget or that are checked for duplicate numbers are refused"
	if s.alone {
		budgets = "budgets and duplicate numbers are tracked in this process only"
	}
	s.logger.Error("the shared store cannot be reached: until it can, this replica signs its share of each rate, and "+budgets,
		zap.String("share", fmt.Sprintf("1/%d", s.replicas)), zap.Error(cause))
}

// isThere records that the store has answered, and logs the end of an outage.
func (s *shared) isThere() {
	if s.away.Load() && s.away.Swap(false) {
		s.logger.Info("the shared store can be reached again")
	}
}

// shareOf returns what a call needs, with the limits reduced to this replica's share.
func (s *shared) shareOf(r stores.Reservation) stores.Reservation {
	r.Rates, r.Budgets = slices.Clone(r.Rates), slices.Clone(r.Budgets)
	for i := range r.Rates {
		r.Rates[i] = shareOfRate(r.Rates[i], s.replicas)
	}
	for i := range r.Budgets {
		r.Budgets[i].Limit /= int64(s.replicas)
	}
	return r
}
