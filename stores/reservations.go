package stores

import (
	"context"
	"fmt"
	"time"
)

// Reservations count what calls use up, and see to it that no two calls of the same
// order are under way at once.
type Reservations interface {
	// Reserve takes everything that a call needs, or nothing. If something is used up,
	// the error is an *Exceeded. All keys of a reservation have the same scope.
	Reserve(ctx context.Context, reservation Reservation) (Ticket, error)

	// Settle says what became of a call. After it, the ticket is void.
	Settle(ctx context.Context, ticket Ticket, settlement Settlement) error
}

// Reservation is what a call needs.
type Reservation struct {
	// Rates count the call once each.
	Rates []Rate
	// Budgets count the call's amounts.
	Budgets []Budget
	// Order is the claim of the call's order number, or nil if calls of one order may
	// be under way at once.
	Order *Order
}

// Rate is a limit on the number of calls, by the generic cell rate algorithm.
type Rate struct {
	Key Key
	// PerSecond is how many calls per second there may be on average.
	PerSecond float64
	// Burst is how many there may be at once after a quiet time.
	Burst int
}

// Window is the time that a budget is for. Windows begin when they do in UTC.
type Window string

// The windows of budgets.
const (
	Hour  Window = "hour"
	Day   Window = "day"
	Month Window = "month"
)

// Budget is a limit on the sum of amounts in a window.
type Budget struct {
	Key    Key
	Window Window
	// Limit is how much there may be in a window, in minor units, below 2^53.
	Limit int64
	// Amount is what this call takes of it, in minor units.
	Amount int64
}

// Order is the order that a call is about, which is claimed while the call is under way.
type Order struct {
	Key Key
	// Lease is after which time the claim is over by itself.
	Lease time.Duration
}

// Ticket is what a call has taken.
type Ticket struct {
	// Reservation is what was reserved.
	Reservation Reservation
	// Token tells this call from all others.
	Token string
	// Windows are when the windows of the budgets began, in seconds since 1970, in the
	// order of the budgets.
	Windows []int64
}

// Settlement is what becomes of that which a call has taken. The claim of its order is
// released in any case.
type Settlement int

const (
	// Kept is for a call that may have been carried out: what it has taken stays taken.
	Kept Settlement = iota
	// Refunded is for a call that was sent, but moved no money: its budgets are given
	// back, and its rates are not.
	Refunded
	// Unsent is for a call of which nothing was sent: all is given back.
	Unsent
)

// Exceeded is why there is no reservation.
type Exceeded struct {
	// Key is the rate, budget or order that is used up.
	Key Key
	// Remaining is what is left of a budget, in minor units.
	Remaining int64
	// RetryAfter is after which time it is worth another try, by the store's clock: the
	// next call of a rate, the end of a budget's window, the lease of an order.
	RetryAfter time.Duration
}

// Error names the key, which says nothing of what it stands for.
func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s is used up for %v", e.Key, e.RetryAfter)
}
