package stores

import (
	"context"
	"time"
)

// spent is how much of a budget is used up.
type spent struct {
	// window is when the window started.
	window time.Time
	amount int64
}

// order is a claim of an order by a call.
type order struct {
	call  Key
	until time.Time
}

// Reserve takes what a call needs, or nothing.
func (m *Memory) Reserve(_ context.Context, r Reservation) ([]Balance, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.Now()
	if _, isThere := m.calls.get(r.Call, now); isThere {
		return m.balances(r.Budgets, now), nil
	}
	if exceeded := m.exceeded(r, now); exceeded != nil {
		return nil, exceeded
	}

	for _, rate := range r.Rates {
		next := m.due(rate.Key, now).Add(rate.Interval())
		m.rates.put(rate.Key, next, now, next.Sub(now))
	}
	var windows []time.Time
	for _, b := range r.Budgets {
		begin, end := b.Window.Around(now)
		m.spent.put(b.Key, spent{begin, m.spentOf(b, now) + b.Amount}, now, end.Sub(now))
		windows = append(windows, begin)
	}
	if r.Order != (Key{}) {
		m.orders.put(r.Order, order{r.Call, now.Add(r.Lease)}, now, r.Lease)
	}
	m.calls.put(r.Call, windows, now, r.Lease)
	return m.balances(r.Budgets, now), nil
}

// exceeded returns what prevents the call, or nil.
func (m *Memory) exceeded(r Reservation, now time.Time) error {
	if held, isHeld := m.orders.get(r.Order, now); isHeld {
		return &Exceeded{Key: r.Order, RetryAfter: held.until.Sub(now)}
	}
	for _, rate := range r.Rates {
		tolerance := time.Duration(rate.Burst-1) * rate.Interval()
		if early := m.due(rate.Key, now).Sub(now) - tolerance; early > 0 {
			return &Exceeded{Key: rate.Key, RetryAfter: early}
		}
	}
	for _, b := range r.Budgets {
		if left := m.balance(b, now); b.Amount > left.Remaining {
			return &Exceeded{Key: b.Key, Balance: left, RetryAfter: left.Reset.Sub(now)}
		}
	}
	return nil
}

// due returns when the next call of a rate would be due if calls came evenly (GCRA's
// theoretical arrival time). It is never in the past.
func (m *Memory) due(rate Key, now time.Time) time.Time {
	if next, isLater := m.rates.get(rate, now); isLater {
		return next
	}
	return now
}

// spentOf returns how much of a budget is used up in the current window.
func (m *Memory) spentOf(b Budget, now time.Time) int64 {
	so, _ := m.spent.get(b.Key, now)
	if begin, _ := b.Window.Around(now); !so.window.Equal(begin) {
		return 0
	}
	return so.amount
}

func (m *Memory) balance(b Budget, now time.Time) Balance {
	_, end := b.Window.Around(now)
	return Balance{Remaining: b.Limit - m.spentOf(b, now), Reset: end}
}

func (m *Memory) balances(budgets []Budget, now time.Time) []Balance {
	var left []Balance
	for _, b := range budgets {
		left = append(left, m.balance(b, now))
	}
	return left
}

// Settle gives back what a call did not need after all.
func (m *Memory) Settle(_ context.Context, r Reservation, settlement Settlement) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.Now()
	windows, isThere := m.calls.get(r.Call, now)
	if !isThere {
		return nil
	}
	m.calls.drop(r.Call)
	if held, isHeld := m.orders.get(r.Order, now); isHeld && held.call == r.Call {
		m.orders.drop(r.Order)
	}
	if settlement == Unsent {
		m.giveBackRates(r.Rates, now)
	}
	if settlement != Kept {
		m.giveBackBudgets(r.Budgets, windows, now)
	}
	return nil
}

func (m *Memory) giveBackRates(rates []Rate, now time.Time) {
	for _, rate := range rates {
		next := m.due(rate.Key, now).Add(-rate.Interval())
		m.rates.put(rate.Key, next, now, next.Sub(now)) // expires at once if nothing is left
	}
}

// giveBackBudgets gives back the amounts whose windows have not ended.
func (m *Memory) giveBackBudgets(budgets []Budget, windows []time.Time, now time.Time) {
	for i, b := range budgets {
		so, _ := m.spent.get(b.Key, now)
		if !so.window.Equal(windows[i]) {
			continue
		}
		_, end := b.Window.Around(now)
		m.spent.put(b.Key, spent{so.window, so.amount - b.Amount}, now, end.Sub(now))
	}
}
