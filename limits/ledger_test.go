package limits_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// slow is a rate that allows its burst, and nothing after that.
const slow = 1e-9

// sharing returns a handler with a shared store that can be made unreachable.
func sharing(t *testing.T, names ...string) (limits.Place, *replicated) {
	t.Helper()
	at, store := place(t, names...), newReplicated()
	at.Store = store
	return at, store
}

// While the store cannot be reached, a replica signs its share of each rate. Calls about
// money are refused, or counted by the replica alone, up to its share of each budget.
func TestWithoutTheStore(t *testing.T) {
	const signed = ""
	for name, test := range map[string]struct {
		limits  limits.Limits
		amounts []string // of the calls
		want    []string // which limit refuses each of them
		says    string   // of the last refusal
	}{
		"a rate, at its share":            {limits.Limits{Quota: limits.Quota{Rate: slow, Burst: 7}, Replicas: 3}, []string{"1", "1", "1"}, []string{signed, signed, limits.ByRate}, "more requests per second"},
		"a rate of fewer than replicas":   {limits.Limits{Quota: limits.Quota{Rate: slow, Burst: 2}, Replicas: 3}, []string{"1", "1"}, []string{signed, limits.ByRate}, "more requests per second"},
		"a rate, without replicas":        {limits.Limits{Quota: limits.Quota{Rate: slow, Burst: 2}}, []string{"1", "1", "1"}, []string{signed, signed, limits.ByRate}, "more requests per second"},
		"a budget":                        {within(perDay("USD", "100")), []string{"1"}, []string{limits.ByStore}, "cannot be reached; nothing was sent"},
		"a budget, refused":               {without("refuse", 3, perDay("USD", "100")), []string{"1"}, []string{limits.ByStore}, "cannot be reached; nothing was sent"},
		"a number":                        {limits.Limits{RefuseDoubles: true}, []string{"1"}, []string{limits.ByStore}, "cannot be reached; nothing was sent"},
		"nothing of a budget":             {within(perDay("USD", "100")), []string{"0"}, []string{signed}, ""},
		"a budget alone, at its share":    {without("alone", 3, perDay("USD", "100")), []string{"33.33", "0.01"}, []string{signed, limits.ByBudget}, "cannot be reached, and this replica's share, 33.33, of the budget of USD 100.00 per day has 0.00 left"},
		"more than the share alone":       {without("alone", 3, perDay("USD", "100")), []string{"33.34"}, []string{limits.ByBudget}, "this replica's share, 33.33, of the budget of USD 100.00 per day has 33.33 left"},
		"more than the budget alone":      {without("alone", 3, perDay("USD", "100")), []string{"100.01"}, []string{limits.ByBudget}, "more than the whole budget of USD 100.00"},
		"a budget alone, without sharers": {without("alone", 0, perDay("USD", "100")), []string{"100", "0.01"}, []string{signed, limits.ByBudget}, "this replica's share, 100.00, of"},
		"a number alone":                  {limits.Limits{RefuseDoubles: true, WithoutStore: "alone"}, []string{"1", "1"}, []string{signed, limits.ByDouble}, "is in progress"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, store := sharing(t, "orderAndPay")
				store.whenAsked(away)
				l := open(t, test.limits, at)
				for i, amount := range test.amounts {
					_, err := l.Reserve(t.Context(), order(t, at, amount, "USD"))
					if test.want[i] == signed {
						require.NoError(t, err, i)
						continue
					}
					refused := requireRefused(t, err, test.want[i])
					assert.Contains(t, refused.Msg, test.says)
					if test.want[i] == limits.ByStore {
						assert.Equal(t, http.StatusServiceUnavailable, refused.Status)
						assert.Equal(t, "1", refused.Header.Get("Retry-After"))
						assert.ErrorIs(t, refused.Cause, errAway)
					}
				}
			})
		})
	}
}

// without returns limits that are budgets, with this value of without_store.
func without(what string, replicas int, budgets ...limits.Budget) limits.Limits {
	l := within(budgets...)
	l.WithoutStore, l.Replicas = what, replicas
	return l
}

// The share applies to time as well: a third of a rate is three times as slow.
func TestShareOfARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, store := sharing(t, "orderQuery")
		store.whenAsked(away)
		l := open(t, limits.Limits{Quota: limits.Quota{Rate: 3, Burst: 3}, Replicas: 3}, at)
		query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
		for range 3 {
			assert.Equal(t, 1, signedAtOnce(t, l, query))
			time.Sleep(time.Second - time.Nanosecond)
			assert.Zero(t, signedAtOnce(t, l, query))
			time.Sleep(time.Nanosecond)
		}
	})
}

// Each outage of the store is logged once when it begins, with this replica's share, and once
// when it ends. A call that needs nothing from the store notices neither.
func TestOutagesAreLoggedOnce(t *testing.T) {
	for without, says := range map[string]string{
		"refuse": "this replica signs its share of each rate, and calls that count against a budget or that are checked for duplicate numbers are refused",
		"alone":  "this replica signs its share of each rate, and budgets and duplicate numbers are tracked in this process only",
	} {
		synctest.Test(t, func(t *testing.T) {
			core, logged := observer.New(zap.InfoLevel)
			at, store := sharing(t, "orderAndPay", "orderQuery")
			at.Logger = zap.New(core)
			l := open(t, limits.Limits{Quota: limits.Quota{Budgets: []limits.Budget{perDay("USD", "30")}}, WithoutStore: without, Replicas: 3}, at)
			said := func() (messages []string) {
				for _, line := range logged.TakeAll() {
					messages = append(messages, line.Level.String()+" "+line.Message)
				}
				return messages
			}
			call := func(amount string) { _, _ = l.Reserve(t.Context(), order(t, at, amount, "USD")) }
			query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)

			call("1")
			assert.Empty(t, said())
			for range 2 {
				store.whenAsked(away)
				call("1")
				require.Len(t, logged.All(), 1)
				assert.Equal(t, map[string]any{"share": "1/3", "error": errAway.Error()}, logged.All()[0].ContextMap())
				assert.Equal(t, []string{"error the shared store cannot be reached: until it can, " + says}, said())
				call("1")
				_, err := l.Reserve(t.Context(), query)
				assert.NoError(t, err)
				assert.Empty(t, said())

				store.whenAsked(nil)
				call("31") // a refusal is an answer as well
				call("1")
				assert.Equal(t, []string{"info the shared store can be reached again"}, said())
			}
		})
	}
}

// A call takes nothing from the rate if the store refuses it, if the store cannot be reached,
// or if its time is over. The store is told if it may have taken something.
func TestWhatIsRefusedTakesNothing(t *testing.T) {
	over, end := context.WithCancel(context.Background())
	end()
	for name, test := range map[string]struct {
		during context.Context
		amount string
		asked  hook
		limit  string
		told   bool
	}{
		"the budget is used up":   {t.Context(), "100", nil, limits.ByBudget, false},
		"the store is away":       {t.Context(), "1", away, limits.ByStore, true},
		"the call's time is over": {over, "1", func(ctx context.Context) error { return ctx.Err() }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logged := observer.New(zap.InfoLevel)
				at, store := sharing(t, "orderAndPay")
				at.Logger = zap.New(core)
				l := open(t, limits.Limits{Quota: limits.Quota{Rate: slow, Burst: 2, Budgets: []limits.Budget{perDay("USD", "100")}}}, at)
				_, err := l.Reserve(t.Context(), order(t, at, "1", "USD"))
				require.NoError(t, err)

				store.whenAsked(test.asked)
				for range 3 {
					_, err = l.Reserve(test.during, order(t, at, test.amount, "USD"))
					refused := requireRefused(t, err, test.limit)
					assert.True(t, refused.NeverLeft())
					synctest.Wait()
				}
				store.whenAsked(nil)
				assert.Equal(t, test.limit == limits.ByStore, logged.Len() > 0, "whoever hangs up says nothing of the store")
				if test.told {
					told, asked := store.told(), store.asked()
					require.Len(t, told, 3)
					for i, settled := range told {
						assert.Equal(t, stores.Unsent, settled.that)
						assert.Equal(t, asked[1+i], settled.of)
					}
				}
				_, err = l.Reserve(t.Context(), order(t, at, "1", "USD"))
				assert.NoError(t, err, "the burst is of two")
			})
		})
	}

	// The same is true without a shared store.
	at := place(t, "orderAndPay")
	l := open(t, limits.Limits{Quota: limits.Quota{Rate: slow, Burst: 1}, RefuseDoubles: true}, at)
	other := open(t, limits.Limits{RefuseDoubles: true}, at)
	underWay, err := other.Reserve(t.Context(), order(t, at, "1", "USD"))
	require.NoError(t, err)
	_, err = l.Reserve(t.Context(), order(t, at, "1", "USD"))
	requireRefused(t, err, limits.ByDouble)
	underWay.Settle(stores.Kept)
	_, err = l.Reserve(t.Context(), order(t, at, "1", "USD"))
	assert.NoError(t, err)
}

// The refusal says why a call was given up before it was sent.
func TestReserveIsGivenUp(t *testing.T) {
	for _, test := range []struct {
		cause  error
		status int
	}{{context.Canceled, 499}, {context.DeadlineExceeded, http.StatusServiceUnavailable}} {
		at, store := sharing(t, "orderAndPay")
		store.whenAsked(func(ctx context.Context) error { return ctx.Err() })
		ctx, end := context.WithCancelCause(context.Background())
		end(test.cause)
		_, err := open(t, within(perDay("USD", "1")), at).Reserve(ctx, order(t, at, "1", "USD"))
		refused := reply.AsRefusal(err)
		assert.Equal(t, test.status, refused.Status)
		assert.ErrorIs(t, refused.Cause, test.cause)
	}
}

// The store is told the outcome of a call with the same reservation that it was asked for. It
// is not told about calls that a replica has counted alone.
func TestStoreLearnsOutcomes(t *testing.T) {
	for name, asked := range map[string]hook{"there": nil, "away": away} {
		for _, settlement := range []stores.Settlement{stores.Kept, stores.Refunded, stores.Unsent} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					at, store := sharing(t, "orderAndPay")
					l := open(t, limits.Limits{
						Quota:         limits.Quota{Rate: 30, Burst: 30, Budgets: []limits.Budget{perDay("USD", "100")}},
						RefuseDoubles: true, WithoutStore: "alone", Replicas: 3,
					}, at)
					store.whenAsked(asked)
					reserved, err := l.Reserve(t.Context(), order(t, at, "1", "USD"))
					require.NoError(t, err)
					reserved.Settle(settlement)
					reserved.Settle(stores.Unsent) // has an effect only once
					synctest.Wait()
					of := store.asked()[0]
					assert.Equal(t, []settled{{of, settlement}}, store.told())
					assert.Equal(t, 30.0, of.Rates[0].PerSecond)
					assert.Equal(t, 30, of.Rates[0].Burst)
					assert.EqualValues(t, 10000, of.Budgets[0].Limit)
					assert.NotZero(t, of.Order)
					assert.Equal(t, at.Longest+10*time.Second, of.Lease)

					// The number is free again, in the store and in this process.
					for _, asked := range []hook{nil, away} {
						store.whenAsked(asked)
						again, err := l.Reserve(t.Context(), order(t, at, "1", "USD"))
						require.NoError(t, err)
						again.Settle(stores.Kept)
						synctest.Wait()
					}
				})
			})
		}
	}
}

// The store is told what this process knows of the budget's count there, without anything
// that was given back, was in an earlier window, or was counted alone.
func TestStoreIsToldWhatIsKnown(t *testing.T) {
	for name, test := range map[string]struct {
		settlement stores.Settlement
		asked      hook
		later      time.Duration // when the second call is made
		left       int64         // of 100, in minor units, once 60 and then 10 were taken and the 60 are settled
	}{
		"kept":              {stores.Kept, nil, 0, 3000},
		"refunded":          {stores.Refunded, nil, 0, 9000},
		"unsent":            {stores.Unsent, nil, 0, 9000},
		"of an hour ago":    {stores.Unsent, nil, time.Second, 9000},
		"kept alone":        {stores.Kept, away, 0, 9000},
		"given back, alone": {stores.Unsent, away, 0, 9000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Hour - time.Second)
				at, store := sharing(t, "orderAndPay")
				l := open(t, without("alone", 1, limits.Budget{Currency: "USD", Amount: "100", Per: "hour"}), at)
				reserve := func(amount string) *limits.Reserved {
					reserved, err := l.Reserve(t.Context(), order(t, at, amount, "USD"))
					require.NoError(t, err)
					return reserved
				}
				store.whenAsked(test.asked)
				first := reserve("60")
				time.Sleep(test.later)
				synctest.Wait() // the store has been reminded
				store.whenAsked(nil)
				reserve("10")
				first.Settle(test.settlement)
				first.Settle(test.settlement) // has an effect only once
				store.asked()
				reserve("0.01")
				assert.Equal(t, test.left, store.asked()[0].Budgets[0].Last.Remaining)
			})
		})
	}
}

// The replicas of a handler share one rate, in whichever order they name their merchants. No
// other handler shares it.
func TestRatesOfReplicas(t *testing.T) {
	at, store := sharing(t, "orderQuery")
	app := at.Merchants[0].AppID
	keyOf := func(rate float64, burst int, merchants ...limits.Merchant) stores.Key {
		named := append([]limits.Merchant(nil), merchants...)
		at.Merchants = merchants
		l := open(t, limits.Limits{Quota: limits.Quota{Rate: rate, Burst: burst}}, at)
		assert.Equal(t, named, at.Merchants, "the caller's list is in its order")
		_, err := l.Reserve(t.Context(), callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`))
		require.NoError(t, err)
		return store.asked()[0].Rates[0].Key
	}
	a, b, c := limits.Merchant{AppID: app, MerchantNo: "1"}, limits.Merchant{AppID: app, MerchantNo: "2"}, limits.Merchant{AppID: app + "0", MerchantNo: "1"}
	one := keyOf(1, 5, a, b, c)
	assert.Equal(t, one, keyOf(1, 5, c, b, a))
	for name, other := range map[string]stores.Key{
		"fewer merchants": keyOf(1, 5, a, b), "another rate": keyOf(2, 5, a, b, c), "another burst": keyOf(1, 6, a, b, c),
	} {
		assert.NotEqual(t, one, other, name)
	}
}

// Without a shared store, two identical handlers have separate rates, even for calls about
// money.
func TestRatesOfHandlersAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		for range 2 {
			l := open(t, limits.Limits{Quota: limits.Quota{Rate: slow, Burst: 1, Budgets: []limits.Budget{perDay("USD", "100")}}}, at)
			assert.Equal(t, 1, signedAtOnce(t, l, order(t, at, "1", "USD")))
		}
	})
}

// Options of the store are refused if they would have no effect.
func TestOpenRefusesOptionsOfTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		without  string
		replicas int
		memory   string // what is wrong without a shared store
		shared   string // what is wrong with a shared store
	}{
		"neither":         {"", 0, "", ""},
		"refuse":          {"refuse", 0, "without_store has no meaning without a shared store", ""},
		"alone":           {"alone", 0, "without_store has no meaning without a shared store", ""},
		"something else":  {"maybe", 0, `must be refuse or alone, but is "maybe"`, `must be refuse or alone, but is "maybe"`},
		"one replica":     {"", 1, "replicas has no meaning without a shared store", ""},
		"fewer than none": {"", -1, "replicas must be a positive whole number", "replicas must be a positive whole number"},
	} {
		shared, _ := sharing(t, "orderAndPay")
		for _, with := range []struct {
			at   limits.Place
			says string
		}{{place(t, "orderAndPay"), test.memory}, {shared, test.shared}} {
			l := limits.Limits{WithoutStore: test.without, Replicas: test.replicas}
			opened, err := l.Open(with.at)
			opened.Close()
			if with.says == "" {
				assert.NoError(t, err, name)
				continue
			}
			assert.ErrorContains(t, err, with.says, name)
			assert.Nil(t, opened, name)
		}
	}
}

// The end of a config waits for settlements that the store has not received yet, and for
// nothing else.
func TestAwaitSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := func(l *limits.Enforced) time.Duration {
			began := time.Now()
			l.AwaitSettled()
			return time.Since(began)
		}
		assert.Zero(t, waits(nil))
		assert.Zero(t, waits(open(t, within(perDay("USD", "1")), place(t, "orderAndPay"))))

		at, store := sharing(t, "orderAndPay")
		store.whenSettling(func(context.Context) error { time.Sleep(100 * time.Millisecond); return nil })
		l := open(t, within(perDay("USD", "1")), at)
		reserved, err := l.Reserve(t.Context(), order(t, at, "1", "USD"))
		require.NoError(t, err)
		assert.Zero(t, waits(l))
		reserved.Settle(stores.Kept)
		assert.Equal(t, 100*time.Millisecond, waits(l))
	})
}
