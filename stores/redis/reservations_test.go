package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/stores/storetest"
)

// replicas are several sidecars with one store, which are used in turn.
type replicas struct {
	stores []stores.Reservations
	turn   atomic.Int64
}

func (r *replicas) next() stores.Reservations {
	return r.stores[r.turn.Add(1)%int64(len(r.stores))]
}

func (r *replicas) Reserve(ctx context.Context, reservation stores.Reservation) ([]stores.Balance, error) {
	return r.next().Reserve(ctx, reservation)
}

func (r *replicas) Settle(ctx context.Context, reservation stores.Reservation, settlement stores.Settlement) error {
	return r.next().Settle(ctx, reservation, settlement)
}

// The promises hold whichever of the replicas asks.
func TestReservations(t *testing.T) {
	server := startServer(t)
	settings := Settings{Addresses: []string{server.address}, KeyPrefix: "test:", Timeout: caddy.Duration(10 * time.Second)}
	shared := &replicas{stores: []stores.Reservations{open(t, settings), open(t, settings), open(t, settings)}}
	storetest.TestReservations(t, func(*testing.T) stores.Reservations { return shared })

	requireEveryKeyEnds(t, server, `^test:\{[0-9a-f]{32}\}[0-9a-f]{32}$`)
}

// After a call is settled, the store only keeps the fact that it is settled, and no longer
// than a reservation may be late.
func TestSettledCallIsRemembered(t *testing.T) {
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}, KeyPrefix: "test:", Timeout: caddy.Duration(10 * time.Second)})
	call := stores.Reservation{Call: stores.NewScope("test").NewKey(), Lease: time.Minute}
	_, err := s.Reserve(t.Context(), call)
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context(), call, stores.Unsent))

	name := "test:" + call.Call.String()
	ttl, err := server.client().PTTL(t.Context(), name).Result()
	require.NoError(t, err)
	assert.LessOrEqual(t, ttl, late*time.Millisecond)
	value, err := server.client().Get(t.Context(), name).Result()
	if errors.Is(err, redis.Nil) {
		return // the machine is so slow that the key has expired
	}
	require.NoError(t, err)
	assert.Equal(t, "settled", value)
}

// The server computes the same windows as the interface, at all times.
func TestWindows(t *testing.T) {
	client := startServer(t).client()
	times := []time.Time{
		time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2100, 2, 28, 23, 59, 59, 0, time.UTC), time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0),
	}
	for range 2000 {
		times = append(times, time.Unix(rand.Int64N(4e9), 0))
	}
	for _, window := range stores.Windows {
		for _, now := range times {
			got, err := client.Eval(t.Context(), windowsSource+"return {window(ARGV[1], tonumber(ARGV[2]))}", nil, string(window), now.Unix()).Int64Slice()
			require.NoError(t, err)
			begin, end := window.Around(now)
			require.Equal(t, []int64{begin.Unix(), end.Unix()}, got, "%s %v", window, now.UTC())
		}
	}
}

// A new window starts with nothing used up, and an amount taken before cannot be given back
// to it.
func TestWindowsReset(t *testing.T) {
	testtool.WithinOneDay(t, time.Minute)
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}})
	scope := stores.NewScope(t.Name())
	call := func() stores.Reservation {
		return stores.Reservation{Call: scope.NewKey(), Lease: time.Minute, Budgets: []stores.Budget{{Key: scope.Key("b"), Window: stores.Month, Limit: 10, Amount: 10}}}
	}
	before := call()
	_, err := s.Reserve(t.Context(), before)
	require.NoError(t, err)
	// The server's clock cannot be set, so the stored record is backdated instead.
	lastMonth, _ := stores.Month.Around(time.Now().AddDate(0, 0, -32))
	require.NoError(t, server.client().Set(t.Context(), s.name(before.Call), fmt.Sprint("taken ", lastMonth.Unix()), time.Hour).Err())
	require.NoError(t, s.Settle(t.Context(), before, stores.Refunded))
	_, err = s.Reserve(t.Context(), call())
	require.Error(t, err, "it was of the window before")

	require.NoError(t, server.client().Set(t.Context(), s.name(scope.Key("b")), fmt.Sprint(lastMonth.Unix(), " 1 0 10"), time.Hour).Err())
	_, err = s.Reserve(t.Context(), call())
	require.NoError(t, err)
}

// A settlement gives nothing back to a server that has lost everything, since the server has
// never counted it.
func TestNothingIsGivenBackToAnEmptyServer(t *testing.T) {
	testtool.WithinOneDay(t, time.Minute)
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}})
	scope := stores.NewScope(t.Name())
	call := func() stores.Reservation {
		return stores.Reservation{
			Call: scope.NewKey(), Lease: time.Minute,
			Rates:   []stores.Rate{{Key: scope.Key("r"), PerSecond: 0.001, Burst: 1}},
			Budgets: []stores.Budget{{Key: scope.Key("b"), Window: stores.Month, Limit: 10, Amount: 10}},
		}
	}
	before, after := call(), call()
	_, err := s.Reserve(t.Context(), before)
	require.NoError(t, err)
	require.NoError(t, server.client().FlushAll(t.Context()).Err())
	_, err = s.Reserve(t.Context(), after)
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context(), before, stores.Unsent))
	exceeded := new(stores.Exceeded)
	_, err = s.Reserve(t.Context(), call())
	require.ErrorAs(t, err, &exceeded)
}

// A budget still expires after something was given back to it: the server keeps no budget forever.
func TestBudgetExpiresThoughItIsGivenBack(t *testing.T) {
	testtool.WithinOneDay(t, time.Minute)
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}})
	scope := stores.NewScope(t.Name())
	r := stores.Reservation{
		Call: scope.NewKey(), Lease: time.Minute,
		Budgets: []stores.Budget{{Key: scope.Key("b"), Window: stores.Month, Limit: 10, Amount: 10}},
	}
	_, err := s.Reserve(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context(), r, stores.Refunded))
	names, err := server.client().Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		left, err := server.client().PTTL(t.Context(), name).Result()
		require.NoError(t, err)
		assert.NotEqual(t, time.Duration(-1), left, "%s never ends", name)
	}
}

// What a call has taken in a window that is over is not given back to the next one.
func TestNothingIsGivenBackToALaterWindow(t *testing.T) {
	testtool.WithinOneDay(t, time.Minute)
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}})
	scope := stores.NewScope(t.Name())
	reservation := func(amount int64) stores.Reservation {
		budget := stores.Budget{Key: scope.Key("b"), Window: stores.Month, Limit: 10, Amount: amount}
		return stores.Reservation{Call: scope.NewKey(), Lease: time.Minute, Budgets: []stores.Budget{budget}}
	}
	earlier := reservation(10)
	_, err := s.Reserve(t.Context(), earlier)
	require.NoError(t, err)

	// The server's clock cannot be set, so the call is made one of January 1970.
	names, err := server.client().Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	aged := 0
	for _, name := range names {
		value, err := server.client().Get(t.Context(), name).Result()
		require.NoError(t, err)
		if strings.HasPrefix(value, "taken ") {
			require.NoError(t, server.client().Set(t.Context(), name, "taken 0", time.Minute).Err())
			aged++
		}
	}
	require.Equal(t, 1, aged)
	require.NoError(t, s.Settle(t.Context(), earlier, stores.Refunded))
	_, err = s.Reserve(t.Context(), reservation(1))
	var exceeded *stores.Exceeded
	require.ErrorAs(t, err, &exceeded)
}

// No operation takes longer than the timeout.
func TestOperationsEndWithTheTimeout(t *testing.T) {
	s := &server{timeout: time.Hour}
	began := time.Now()
	require.NoError(t, s.ask(t.Context(), "claim", func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		assert.GreaterOrEqual(t, deadline.Sub(began), s.timeout)
		assert.LessOrEqual(t, time.Until(deadline), s.timeout)
		return nil
	}))
}

// A server that has lost a budget continues from what its replicas have seen: the highest
// count that any of them has seen, and what was used since.
func TestLostBudgetIsFoundAgain(t *testing.T) {
	testtool.WithinOneDay(t, time.Minute)
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}})
	scope := stores.NewScope(t.Name())
	seen := make(map[string]stores.Balance)
	take := func(replica string, amount int64) error {
		left, err := s.Reserve(t.Context(), stores.Reservation{
			Call: scope.NewKey(), Lease: time.Minute,
			Budgets: []stores.Budget{{Key: scope.Key("b"), Window: stores.Month, Limit: 100, Amount: amount, Last: seen[replica]}},
		})
		if exceeded := new(stores.Exceeded); errors.As(err, &exceeded) {
			seen[replica] = exceeded.Balance
			return err
		}
		require.NoError(t, err)
		seen[replica] = left[0]
		return nil
	}
	require.NoError(t, take("early", 20))
	require.NoError(t, take("late", 30))
	for range 3 {
		require.NoError(t, server.client().FlushAll(t.Context()).Err())
		require.NoError(t, take("early", 5)) // this replica has not seen what the other has taken
		require.NoError(t, take("late", 5))
	}
	assert.EqualValues(t, 100-(20+30+3*10), seen["late"].Remaining)
	require.NoError(t, take("new", 15))
	require.Error(t, take("early", 6), "none but 5 are left")
	assert.EqualValues(t, 5, seen["early"].Remaining)

	// A replica whose reservation is refused has still told the server what it knows.
	require.NoError(t, server.client().FlushAll(t.Context()).Err())
	require.NoError(t, take("newer", 2))
	require.Error(t, take("early", 4))
	require.Error(t, take("newer", 4))
	require.NoError(t, take("newer", 3))
}

// If a server's clock is behind the recorded times, because it was set back or because of a
// failover to another server, calls do not have to wait until then.
func TestRateSurvivesAClockThatIsSetBack(t *testing.T) {
	server := startServer(t)
	s := open(t, Settings{Addresses: []string{server.address}})
	scope := stores.NewScope(t.Name())
	rate := stores.Rate{Key: scope.Key("r"), PerSecond: 20, Burst: 2}
	take := func() error {
		_, err := s.Reserve(t.Context(), stores.Reservation{Call: scope.NewKey(), Lease: time.Minute, Rates: []stores.Rate{rate}})
		return err
	}
	for _, noted := range []string{fmt.Sprint(time.Now().Add(time.Hour).UnixMicro()), "of somebody else"} {
		require.NoError(t, server.client().Set(t.Context(), s.name(rate.Key), noted, time.Hour).Err())
		if exceeded := new(stores.Exceeded); errors.As(take(), &exceeded) {
			assert.LessOrEqual(t, exceeded.RetryAfter, time.Second/20, noted)
			time.Sleep(exceeded.RetryAfter)
			require.NoError(t, take(), noted)
		}
		left, err := server.client().PTTL(t.Context(), s.name(rate.Key)).Result()
		require.NoError(t, err)
		assert.Less(t, left, time.Second, noted)
	}
}

// A reservation that arrives after its call was settled takes nothing.
func TestReservationArrivesLate(t *testing.T) {
	testtool.WithinOneDay(t, time.Minute)
	s := open(t, Settings{Addresses: []string{startServer(t).address}})
	scope := stores.NewScope(t.Name())
	call := func() stores.Reservation {
		return stores.Reservation{Call: scope.NewKey(), Lease: time.Minute, Budgets: []stores.Budget{{Key: scope.Key("b"), Window: stores.Month, Limit: 10, Amount: 10}}}
	}
	lost := call()
	require.NoError(t, s.Settle(t.Context(), lost, stores.Unsent))
	_, err := s.Reserve(t.Context(), lost)
	require.ErrorContains(t, err, "settled before")
	left, err := s.Reserve(t.Context(), call())
	require.NoError(t, err)
	assert.Zero(t, left[0].Remaining)
}
