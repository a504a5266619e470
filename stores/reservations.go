package stores

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Reservations count what calls use up, and see to it that no two calls of the same
// order are under way at once.
type Reservations interface {
	// Reserve takes everything that a call needs, or nothing, and returns what is left
	// of its budgets, in their order. If something is used up, the error is an
	// *Exceeded. After any other error, the store may have it all the same, so that it
	// is to be settled as well.
	Reserve(ctx context.Context, reservation Reservation) ([]Balance, error)

	// Settle says what became of a call. What the store does not know, or no longer,
	// stays as it is, without an error.
	Settle(ctx context.Context, reservation Reservation, settlement Settlement) error
}

// Reservation is what a call needs. All its keys have the same scope.
type Reservation struct {
	// Call tells this call from all others ([Scope.NewKey]).
	Call Key
	// Lease is how long the call can be under way. After it, what the call has taken
	// stays taken, and others may be about its order.
	Lease time.Duration
	// Rates count the call once each.
	Rates []Rate
	// Budgets count the call's amounts.
	Budgets []Budget
	// Order is what no other call may be about meanwhile, or the zero Key if they may.
	Order Key
}

// Rate is a limit on the number of calls, by the generic cell rate algorithm.
type Rate struct {
	Key Key
	// PerSecond is how many calls per second there may be on average.
	PerSecond float64
	// Burst is how many there may be at once after a quiet time.
	Burst int
}

// Interval is the time between two calls at the rate. It is short enough for a whole
// burst of them to be a duration.
func (r Rate) Interval() time.Duration {
	longest := math.MaxInt64 / 4 / float64(max(1, r.Burst))
	return time.Duration(min(float64(time.Second)/r.PerSecond, longest))
}

// Window is the time that a budget is for. Windows begin when they do in UTC.
type Window string

// The windows of budgets.
const (
	Hour  Window = "hour"
	Day   Window = "day"
	Month Window = "month"
)

// Windows lists the windows of budgets.
var Windows = []Window{Hour, Day, Month}

// Around returns when the window begins and ends that has the time in it.
func (w Window) Around(now time.Time) (begin, end time.Time) {
	now = now.UTC()
	switch w {
	case Hour:
		begin = now.Truncate(time.Hour)
		return begin, begin.Add(time.Hour)
	case Day:
		begin = now.Truncate(24 * time.Hour)
		return begin, begin.Add(24 * time.Hour)
	default:
		begin = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		return begin, begin.AddDate(0, 1, 0)
	}
}

// Budget is a limit on the sum of amounts in a window.
type Budget struct {
	Key    Key
	Window Window
	// Limit is how much there may be in a window, in minor units, below 2^53.
	Limit int64
	// Amount is what this call takes of it, in minor units.
	Amount int64
	// Last is what the caller has last seen of the budget, if it has. A store that has
	// lost its count, such as a Redis that was started again, goes on from there.
	Last Balance
}

// Balance is what is left of a budget.
type Balance struct {
	// Remaining is in minor units, and may be negative if the limit was lowered.
	Remaining int64
	// Reset is when the next window begins, by the store's clock.
	Reset time.Time
	// Epoch tells one count of the budget from another that the store has begun since
	// it lost it. A store that cannot lose a count has no epochs.
	Epoch int64
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
	// Balance is what is left, if it is a budget.
	Balance Balance
	// RetryAfter is after which time it is worth another try, by the store's clock: the
	// next call of a rate, the end of a budget's window, the lease of an order.
	RetryAfter time.Duration
}

// Error names the key, which says nothing of what it stands for.
func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s is used up for %v", e.Key, e.RetryAfter)
}
