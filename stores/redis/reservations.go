package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// late is how many milliseconds after the settlement of its call a reservation may still
// arrive and take nothing.
const late = 10_000

//go:embed windows.lua
var windowsSource string

//go:embed reserve.lua
var reserveSource string

//go:embed settle.lua
var settleSource string

var (
	reserveScript = redis.NewScript(windowsSource + reserveSource)
	settleScript  = redis.NewScript(settleSource)
)

// Reserve takes what a call needs, or nothing.
func (s *server) Reserve(ctx context.Context, r stores.Reservation) (left []stores.Balance, err error) {
	var exceeded *stores.Exceeded
	err = s.ask(ctx, "reserve", func(ctx context.Context) error {
		answer, err := reserveScript.Run(ctx, s.client, s.names(keysOf(r)), reserving(r)...).Int64Slice()
		if err != nil {
			return err
		}
		left, exceeded, err = readReserved(r, answer)
		return err
	})
	if exceeded != nil {
		return nil, exceeded
	}
	s.reserved.Add(1)
	return left, err
}

// Settle gives back what a call did not need after all.
func (s *server) Settle(ctx context.Context, r stores.Reservation, settlement stores.Settlement) error {
	err := s.ask(ctx, "settle", func(ctx context.Context) error {
		return settleScript.Run(ctx, s.client, s.names(keysOf(r)), settling(r, settlement)...).Err()
	})
	if err == nil {
		s.reserved.Add(-1)
	}
	return err
}

// keysOf returns the keys of a reservation in the order that the scripts expect.
func keysOf(r stores.Reservation) []stores.Key {
	keys := []stores.Key{r.Call}
	if r.Order != (stores.Key{}) {
		keys = append(keys, r.Order)
	}
	for _, rate := range r.Rates {
		keys = append(keys, rate.Key)
	}
	for _, budget := range r.Budgets {
		keys = append(keys, budget.Key)
	}
	return keys
}

func (s *server) names(keys []stores.Key) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = s.name(key)
	}
	return names
}

// orders returns how many orders a call claims: none or one.
func orders(r stores.Reservation) int {
	if r.Order == (stores.Key{}) {
		return 0
	}
	return 1
}

// reserving returns the arguments of reserve.lua.
func reserving(r stores.Reservation) []any {
	arguments := []any{milliseconds(r.Lease), orders(r), len(r.Rates), len(r.Budgets)}
	for _, rate := range r.Rates {
		arguments = append(arguments, microseconds(rate.Interval()), rate.Burst)
	}
	for _, budget := range r.Budgets {
		arguments = append(arguments, string(budget.Window), budget.Limit, budget.Amount)
		last := budget.Last
		arguments = append(arguments, last.Reset.Unix(), last.Epoch, budget.Limit-last.Remaining)
	}
	return arguments
}

// settling returns the arguments of settle.lua.
func settling(r stores.Reservation, settlement stores.Settlement) []any {
	arguments := []any{
		orders(r), len(r.Rates), len(r.Budgets),
		settlement == stores.Unsent, settlement != stores.Kept, late,
	}
	for _, rate := range r.Rates {
		arguments = append(arguments, microseconds(rate.Interval()))
	}
	for _, budget := range r.Budgets {
		arguments = append(arguments, budget.Amount)
	}
	return arguments
}

// microseconds returns an interval in the scripts' unit of time.
func microseconds(interval time.Duration) string {
	return strconv.FormatFloat(float64(interval)/float64(time.Microsecond), 'f', 3, 64)
}

// readReserved reads the answer of reserve.lua.
func readReserved(r stores.Reservation, answer []int64) (left []stores.Balance, exceeded *stores.Exceeded, err error) {
	keys := keysOf(r)
	switch {
	case len(answer) == 1+3*len(r.Budgets) && answer[0] == 0:
		for i := range r.Budgets {
			left = append(left, balance(answer[1+3*i:]))
		}
		return left, nil, nil
	case len(answer) == 1 && answer[0] == -1:
		return nil, nil, errors.New("the call was settled before it was reserved")
	case len(answer) < 2 || answer[0] < 1 || answer[0] > int64(len(keys)):
		return nil, nil, fmt.Errorf("the script returned %d unexpected numbers", len(answer))
	}
	exceeded = &stores.Exceeded{Key: keys[answer[0]-1], RetryAfter: time.Duration(answer[1]) * time.Millisecond}
	if len(answer) == 5 {
		exceeded.Balance = balance(answer[2:])
	}
	return nil, exceeded, nil
}

// balance reads what remains of a budget, when it is reset, and the epoch.
func balance(answer []int64) stores.Balance {
	return stores.Balance{Remaining: answer[0], Reset: time.Unix(answer[1], 0), Epoch: answer[2]}
}
