package limits

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// books hold what this process has counted, and what it knows about the budgets.
type books struct {
	memory *stores.Memory

	mutex    sync.Mutex
	balances map[account]balance // as last seen
}

// account is a budget in one of the stores that the handlers of this process use.
type account struct {
	store string // its identity, or "" for this process
	key   stores.Key
}

// balance is what is known about a budget. It says what is used up rather than what is left,
// because handlers and configs may differ in the size of the budget.
type balance struct {
	window stores.Window
	used   int64
	reset  time.Time
	epoch  int64
}

// balanceOf returns the balance of a budget from what a store says is left.
func balanceOf(of stores.Budget, left stores.Balance) balance {
	return balance{window: of.Window, used: of.Limit - left.Remaining, reset: left.Reset, epoch: left.Epoch}
}

// isAnotherCountThan reports whether the two are counts of the same window, but the store has
// started counting again between them.
func (b balance) isAnotherCountThan(other balance) bool {
	return b.epoch != other.epoch && b.reset.Equal(other.reset)
}

// includes reports whether the other is the same count, and was taken no later.
func (b balance) includes(other balance) bool {
	return b.epoch == other.epoch && b.used >= other.used
}

// of returns what is left of a budget with this limit.
func (b balance) of(limit int64) stores.Balance {
	return stores.Balance{Remaining: limit - b.used, Reset: b.reset, Epoch: b.epoch}
}

// shelf holds the books of this process. Books belong to the merchants, not to a handler or a
// config: a reload must not reset a budget. They are closed with the last config that has
// limits.
var shelf = caddy.NewUsagePool()

const shelved = "books"

// openBooks returns the books of this process, which stay open until closeBooks.
func openBooks() *books {
	opened, _, _ := shelf.LoadOrNew(shelved, func() (caddy.Destructor, error) {
		return &books{memory: stores.NewMemory(), balances: make(map[account]balance)}, nil
	})
	return opened.(*books)
}

func closeBooks() { _, _ = shelf.Delete(shelved) }

// Destruct does nothing; the books need no closing.
func (*books) Destruct() error { return nil }

// note records what the store has answered about a budget, with one exception. If the store
// has lost its count since it was asked, and this process has meanwhile seen more of the lost
// count than it had told the store, note keeps the known balance: the next request tells the
// store, which continues from there.
func (b *books) note(in string, of stores.Budget, left stores.Balance) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	key := account{in, of.Key}
	told, known, answered := balanceOf(of, of.Last), b.balances[key], balanceOf(of, left)
	if answered.epoch != told.epoch && answered.isAnotherCountThan(known) && !told.includes(known) {
		return
	}
	b.balances[key] = answered
}

// last returns what was last seen of a budget with this limit, or nothing if it was never
// seen.
func (b *books) last(of account, limit int64) stores.Balance {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if known, ok := b.balances[of]; ok {
		return known.of(limit)
	}
	return stores.Balance{}
}

// seen returns the budgets of a store whose current windows this process has seen, with what
// it has seen of them. The budgets take nothing.
func (b *books) seen(in string, now time.Time) []stores.Budget {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var budgets []stores.Budget
	for of, known := range b.balances {
		if of.store == in && now.Before(known.reset) {
			budgets = append(budgets, stores.Budget{Key: of.key, Window: known.window, Limit: most, Last: known.of(most)})
		}
	}
	return budgets
}

// most is a limit that no budget exceeds.
const most = 1<<53 - 1

// giveBack records that a call has not used what it took. then is the balance of that time.
func (b *books) giveBack(in string, budget stores.Budget, then stores.Balance) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if known, ok := b.balances[account{in, budget.Key}]; ok && known.reset.Equal(then.Reset) {
		known.used -= budget.Amount
		b.balances[account{in, budget.Key}] = known
	}
}

// remaining returns what is left of a budget, as far as this process knows. ok is false
// before the first call.
func (b *books) remaining(in string, budget *budget, of Merchant, now time.Time) (left stores.Balance, ok bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	known, ok := b.balances[account{in, budget.keys[of]}]
	if ok && !now.Before(known.reset) {
		_, reset := budget.window.Around(now)
		known = balance{reset: reset}
	}
	return known.of(budget.limit), ok
}
