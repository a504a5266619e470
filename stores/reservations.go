package stores

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Reservations count what calls use up, and ensure that no two calls for the same order are
// in progress at once.
type Reservations interface {
	// Reserve takes everything that a call needs, or nothing, and returns what is left of its
	// budgets, in their order. If something is used up, the error is an *Exceeded. After any
	// other error, the store may have taken it all the same, so the caller must settle the
	// call as well.
	Reserve(ctx context.Context, reservation Reservation) ([]Balance, error)

	// Settle reports the outcome of a call. If the store does not know the call, or no longer
	// knows it, nothing changes, and there is no error.
	Settle(ctx context.Context, reservation Reservation, settlement Settlement) error
}

// Reservation is what a call needs. All its keys have the same scope.
type Reservation struct {
	// Call distinguishes this call from all others ([Scope.NewKey]).
	Call Key
	// Lease is how long the call can be in progress. After that, what the call has taken
	// stays taken, and other calls may claim its order.
	Lease time.Duration
	// Rates count the call. Each counts it once.
	Rates []Rate
	// Budgets count the call's amounts.
	Budgets []Budget
	// Order is what no other call may claim at the same time, or the zero Key if there is
	// nothing to claim.
	Order Key
}

// Rate is a limit on the number of calls, by the generic cell rate algorithm.
type Rate struct {
	Key Key
	// PerSecond is how many calls per second are allowed on average.
	PerSecond float64
	// Burst is how many calls are allowed at once after a quiet time.
	Burst int
}

// Interval is the time between two calls at the rate. It is capped so that the interval of a
// whole burst does not overflow a time.Duration.
func (r Rate) Interval() time.Duration {
	longest := math.MaxInt64 / 4 / float64(max(1, r.Burst))
	return time.Duration(min(float64(time.Second)/r.PerSecond, longest))
}

// Window is the kind of period that a budget is for. Windows start and end in UTC.
type Window string

// The windows of budgets.
const (
	Hour  Window = "hour"
	Day   Window = "day"
	Month Window = "month"
)

// Windows lists the windows of budgets.
var Windows = []Window{Hour, Day, Month}

// Around returns the start and the end of the window that contains now.
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
	// Limit is the maximum sum in a window, in minor units, below 2^53.
	Limit int64
	// Amount is what this call takes, in minor units.
	Amount int64
	// Last is what the caller has last seen of the budget, if anything. A store that has lost
	// its count, such as a restarted Redis, continues from there.
	Last Balance
}

// Balance is what is left of a budget.
type Balance struct {
	// Remaining is in minor units. It may be negative if the limit was lowered.
	Remaining int64
	// Reset is when the next window begins, by the store's clock.
	Reset time.Time
	// Epoch distinguishes this count of the budget from one that the store has started after
	// losing it. A store that cannot lose a count has no epochs.
	Epoch int64
}

// Settlement is what happens to what a call has taken. The claim of its order is released in
// any case.
type Settlement int

const (
	// Kept is for a call that may have been carried out: what it has taken stays taken.
	Kept Settlement = iota
	// Refunded is for a call that was sent, but moved no money: what it took from budgets is
	// given back, but not what it took from rates.
	Refunded
	// Unsent is for a call of which nothing was sent: everything is given back.
	Unsent
)

// Exceeded says why a reservation was refused.
type Exceeded struct {
	// Key is the rate, budget or order that is used up.
	Key Key
	// Balance is what is left, if Key is a budget.
	Balance Balance
	// RetryAfter is how long to wait before another try, by the store's clock: until the next
	// call of a rate, the end of a budget's window, or the end of the lease of an order.
	RetryAfter time.Duration
}

// Error names the key, which reveals nothing about what it identifies.
func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s is used up for %v", e.Key, e.RetryAfter)
}
