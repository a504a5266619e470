package limits

import (
	"context"
	"time"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// reminding is how often this process tells a shared store what it has last seen of its
// budgets.
const reminding = time.Second

// remind tells the store what this process has last seen of its budgets, at regular intervals
// until the context ends. Otherwise, a store that has lost its counts would continue from
// what the first caller has seen, although another replica may have seen a higher count.
func (l *ledger) remind(ctx context.Context) {
	ticker := time.NewTicker(reminding)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, budget := range l.books.seen(l.store, time.Now()) {
			if !l.remindOf(ctx, budget) {
				break // the store cannot be reached, which its own watch detects
			}
		}
	}
}

// remindOf makes a reservation that takes nothing of a budget, but tells the store what was
// seen of it, and records the answer. It reports whether the store has answered.
func (l *ledger) remindOf(ctx context.Context, budget stores.Budget) bool {
	nothing := stores.Reservation{Call: scope.NewKey(), Budgets: []stores.Budget{budget}, Lease: settling}
	balances, err := l.shared.store.Reserve(ctx, nothing)
	if err != nil {
		return false
	}
	l.note(l.shared.store, budget, balances[0])
	return l.shared.store.Settle(ctx, nothing, stores.Kept) == nil
}
