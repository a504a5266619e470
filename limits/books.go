package limits

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// books are what this process has counted, and what it knows of the budgets.
type books struct {
	memory *stores.Memory

	mutex    sync.Mutex
	balances map[stores.Key]stores.Balance // as they were last seen
}

// shelf has the books of this process. They are of the merchants, and not of a handler or
// of a config: a reload must not make a budget new. They are closed with the last config
// that has limits.
var shelf = caddy.NewUsagePool()

const shelved = "books"

// openBooks returns the books of this process, until closeBooks.
func openBooks() *books {
	opened, _, _ := shelf.LoadOrNew(shelved, func() (caddy.Destructor, error) {
		return &books{memory: stores.NewMemory(), balances: make(map[stores.Key]stores.Balance)}, nil
	})
	return opened.(*books)
}

func closeBooks() { _, _ = shelf.Delete(shelved) }

// Destruct does nothing.
func (*books) Destruct() error { return nil }

// note keeps what is left of a budget. Of a rate or a number, there is no balance.
func (b *books) note(key stores.Key, balance stores.Balance) {
	if balance.Reset.IsZero() {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.balances[key] = balance
}

// last returns what was last seen of a budget, if it was.
func (b *books) last(key stores.Key) stores.Balance {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.balances[key]
}

// giveBack notes that a call has not used what it took when the balance was so.
func (b *books) giveBack(budget stores.Budget, then stores.Balance) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if known, ok := b.balances[budget.Key]; ok && known.Reset.Equal(then.Reset) {
		known.Remaining += budget.Amount
		b.balances[budget.Key] = known
	}
}

// remaining returns what is left of a budget, as far as this process knows. It is not ok
// before the first call.
func (b *books) remaining(budget *budget, of Merchant, now time.Time) (left stores.Balance, ok bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	left, ok = b.balances[budget.keys[of]]
	if ok && !now.Before(left.Reset) {
		_, reset := budget.window.Around(now)
		left = stores.Balance{Remaining: budget.limit, Reset: reset}
	}
	return left, ok
}
