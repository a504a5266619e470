package limits

import (
	"context"
	"time"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// reminding is how often a store that replicas share hears what this process has last seen
// of its budgets.
const reminding = time.Second

// remind tells the store what this process has last seen of its budgets, again and again
// until the context ends. A store that has lost its counts would otherwise go on from what
// the first caller has seen, though another replica may have seen that more was used.
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
				break // the store is away, which its own watch finds out
			}
		}
	}
}

// remindOf reserves nothing of a budget, which says what was seen of it, and notes what the
// store answers. It reports whether the store has answered.
func (l *ledger) remindOf(ctx context.Context, budget stores.Budget) bool {
	nothing := stores.Reservation{Call: scope.NewKey(), Budgets: []stores.Budget{budget}, Lease: settling}
	balances, err := l.shared.store.Reserve(ctx, nothing)
	if err != nil {
		return false
	}
	l.note(l.shared.store, budget, balances[0])
	return l.shared.store.Settle(ctx, nothing, stores.Kept) == nil
}
