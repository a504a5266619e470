package limits_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// These tests run in a synctest bubble, whose clock stands still while they run, so that no
// day ends in the middle of a test.

// A budget can be used to the last minor unit, in the currency's own decimals.
func TestBudgetsAreInMinorUnits(t *testing.T) {
	for currency, test := range map[string]struct {
		budget string
		fits   []string
		left   string // what the refusal says is left
		more   string
	}{
		"USD": {"100", []string{"60", `"39.99"`}, "0.01", "0.02"},
		"IDR": {"1000", []string{"999"}, "1", "2"},
		"KWD": {"10.5", []string{"10.49"}, "0.01", "0.02"}, // with PayerMax's two decimals, not the three of ISO 4217
		"JPY": {"5", []string{"5", "0"}, "0", "1"},
	} {
		t.Run(currency, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := place(t, "orderAndPay")
				l := open(t, within(perDay(currency, test.budget)), at)
				for _, amount := range test.fits {
					_, err := l.Reserve(t.Context(), order(t, at, amount, currency))
					require.NoError(t, err, amount)
				}
				_, err := l.Reserve(t.Context(), order(t, at, test.more, currency))
				refused := requireRefused(t, err, limits.ByBudget)
				assert.Equal(t, "BUDGET_EXCEEDED", refused.Code)
				assert.Contains(t, refused.Msg, " has "+test.left+" left")
				_, reset := stores.Day.Around(time.Now())
				assert.Contains(t, refused.Msg, reset.Format(time.RFC3339))
				assert.Equal(t, "/data/totalAmount", refused.Errors[0].Field)
				assert.NotEmpty(t, refused.Header.Get("Retry-After"))
			})
		})
	}
}

// A budget that is used up stays so until the last moment of its day, and then starts anew.
func TestBudgetsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		l := open(t, within(perDay("USD", "10")), at)
		_, midnight := stores.Day.Around(time.Now())
		for range 2 {
			_, err := l.Reserve(t.Context(), order(t, at, "10", "USD"))
			require.NoError(t, err)
			time.Sleep(time.Until(midnight) - time.Nanosecond)
			_, err = l.Reserve(t.Context(), order(t, at, "0.01", "USD"))
			assert.Equal(t, "1", requireRefused(t, err, limits.ByBudget).Header.Get("Retry-After"))
			time.Sleep(time.Nanosecond)
			_, midnight = stores.Day.Around(time.Now())
		}
	})
}

// An amount that is finer than the currency is rounded up to the next unit, and an amount
// beyond the range of numbers is too much.
func TestBudgetsRoundUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		l := open(t, within(perDay("IDR", "3")), at)
		for _, amount := range []string{"1.000001", "1"} {
			_, err := l.Reserve(t.Context(), order(t, at, amount, "IDR"))
			require.NoError(t, err)
		}
		for _, amount := range []string{"1", "0.5", "1e308"} {
			_, err := l.Reserve(t.Context(), order(t, at, amount, "IDR"))
			requireRefused(t, err, limits.ByBudget)
		}
	})
}

// The calls that count: those of the budget's endpoints, against the budget of their own
// merchant.
func TestBudgetsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refund := `{"outRefundNo":"R1","refundAmount":40,"refundCurrency":"USD"}`
		at := place(t, "applyDropinSession", "orderAndPay", "orderQuery", "refund", "capture")
		at.Merchants = append(at.Merchants, limits.Merchant{AppID: at.Merchants[0].AppID, MerchantNo: "2"})
		l := open(t, limits.Limits{
			Quota: limits.Quota{Budgets: []limits.Budget{perDay("USD", "100"), {Currency: "USD", Amount: "50", Per: "month", Endpoints: []string{"refund"}}}},
		}, at)
		reserve := func(c limits.Call) error {
			_, err := l.Reserve(t.Context(), c)
			return err
		}
		require.NoError(t, reserve(callOf(t, at, "refund", refund)))
		requireRefused(t, reserve(callOf(t, at, "refund", refund)), limits.ByBudget)
		require.NoError(t, reserve(order(t, at, "59", "USD")))
		requireRefused(t, reserve(order(t, at, "2", "USD")), limits.ByBudget)

		// Calls that move nothing, or only announce an amount, do not count.
		require.NoError(t, reserve(callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)))
		require.NoError(t, reserve(callOf(t, at, "applyDropinSession", `{"totalAmount":1000000,"currency":"USD"}`)))

		// Another merchant has a budget of its own.
		other := order(t, at, "91", "USD")
		other.Merchant = at.Merchants[1]
		require.NoError(t, reserve(other))

		requireRefused(t, reserve(order(t, at, "1", "EUR")), limits.ByBudget)
		requireRefused(t, reserve(callOf(t, at, "orderAndPay", `{"currency":"USD"}`)), limits.ByAmount)
		require.NoError(t, reserve(order(t, at, "1", "USD")))
	})
}

// Two handlers share a budget if its list of endpoints is the same in both. A different list
// makes a different budget, and a handler without a budget counts nothing.
func TestHandlersShareEqualBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay", "refund")
		first := open(t, within(perDay("USD", "100")), at)
		_, err := first.Reserve(t.Context(), order(t, at, "60", "USD"))
		require.NoError(t, err)
		for name, test := range map[string]struct {
			other  limits.Limits
			shares bool
		}{
			"the same":     {within(perDay("USD", "100")), true},
			"another list": {within(perDay("USD", "100", "orderAndPay")), false},
			"none":         {limits.Limits{}, false},
		} {
			other := open(t, test.other, at)
			_, err := other.Reserve(t.Context(), order(t, at, "50", "USD"))
			if test.shares {
				requireRefused(t, err, limits.ByBudget)
				continue
			}
			require.NoError(t, err, name)
		}
		_, err = first.Reserve(t.Context(), order(t, at, "40", "USD"))
		require.NoError(t, err, "what the others moved does not count here")
	})
}

// The order in which a budget names its endpoints does not matter.
func TestBudgetsOfTheSameEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay", "refund")
		for i, endpoints := range [][]string{{"refund", "orderAndPay"}, {"orderAndPay", "refund"}, {"drop_in"}, {"all", "refund"}} {
			l := open(t, within(perDay("USD", "10", endpoints...)), at)
			_, err := l.Reserve(t.Context(), order(t, at, "10", "USD"))
			assert.Equal(t, i == 0, err == nil, endpoints)
		}
	})
}

// All amounts of a call count, including those of a subscription.
func TestBudgetsCountAllAmounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		l := open(t, within(perDay("USD", "30"), perDay("EUR", "10")), at)
		_, err := l.Reserve(t.Context(), callOf(t, at, "orderAndPay", `{"totalAmount":5,"currency":"USD","subscriptionPlan":{
			"periodAmount":{"amount":20,"currency":"USD"},"trialConfig":{"trialAmount":{"amount":10,"currency":"EUR"}}}}`))
		require.NoError(t, err)
		_, err = l.Reserve(t.Context(), order(t, at, "0.01", "EUR"))
		requireRefused(t, err, limits.ByBudget)
		_, err = l.Reserve(t.Context(), order(t, at, "5", "USD"))
		require.NoError(t, err)
		_, err = l.Reserve(t.Context(), order(t, at, "0.01", "USD"))
		requireRefused(t, err, limits.ByBudget)
	})
}

// Each merchant has its own budget. Merchants differ in their appId or in their number.
func TestBudgetsOfMerchants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		one := at.Merchants[0]
		at.Merchants = append(at.Merchants, limits.Merchant{AppID: one.AppID + "'", MerchantNo: one.MerchantNo}, limits.Merchant{AppID: one.AppID, MerchantNo: "2"})
		l := open(t, within(perDay("USD", "10")), at)
		for _, merchant := range at.Merchants {
			whole, more := order(t, at, "10", "USD"), order(t, at, "0.01", "USD")
			whole.Merchant, more.Merchant = merchant, merchant
			_, err := l.Reserve(t.Context(), whole)
			require.NoError(t, err, merchant)
			_, err = l.Reserve(t.Context(), more)
			requireRefused(t, err, limits.ByBudget)
		}
	})
}

// A caller's budget is within the budget for all callers. If one of them refuses a call, the
// other has not counted it.
func TestBudgetsOfCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		allowances := limits.Limits{
			Quota: limits.Quota{Budgets: []limits.Budget{perDay("USD", "100")}}, CallerID: "{x}",
			Callers: map[string]limits.Caller{"a": {Quota: limits.Quota{Budgets: []limits.Budget{perDay("USD", "30")}}}},
		}
		l := open(t, allowances, at)
		byA := order(t, at, "20", "USD")
		byA.By = admitted(t, l, "a")
		_, err := l.Reserve(t.Context(), byA)
		require.NoError(t, err)
		for range 10 {
			_, err = l.Reserve(t.Context(), byA)
			requireRefused(t, err, limits.ByBudget)
		}
		_, err = l.Reserve(t.Context(), order(t, at, "80", "USD"))
		require.NoError(t, err)
	})
}

func TestBudgetsAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for settlement, back := range map[stores.Settlement]bool{stores.Kept: false, stores.Refunded: true, stores.Unsent: true} {
			at := place(t, "orderAndPay")
			at.Merchants[0].MerchantNo = string(rune('1' + settlement))
			l := open(t, within(perDay("USD", "10")), at)
			reserved, err := l.Reserve(t.Context(), order(t, at, "10", "USD"))
			require.NoError(t, err)
			_, err = l.Reserve(t.Context(), order(t, at, "10", "USD"))
			requireRefused(t, err, limits.ByBudget)
			reserved.Settle(settlement)
			reserved.Settle(stores.Unsent) // has an effect only once
			_, err = l.Reserve(t.Context(), order(t, at, "10", "USD"))
			assert.Equal(t, back, err == nil, settlement)
		}
	})
}

// A reload of the config does not reset a budget, even with a new limit. If there was no
// handler with limits in between, the budget starts anew.
func TestBudgetsOutliveReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay", "refund")
		configured := within(perDay("USD", "10"))
		before, err := configured.Open(at)
		require.NoError(t, err)
		_, err = before.Reserve(t.Context(), order(t, at, "10", "USD"))
		require.NoError(t, err)

		configured = within(perDay("USD", "15"))
		after, err := configured.Open(at)
		require.NoError(t, err)
		before.Close()
		_, err = after.Reserve(t.Context(), order(t, at, "6", "USD"))
		assert.Contains(t, requireRefused(t, err, limits.ByBudget).Msg, "has 5.00 left")
		_, err = after.Reserve(t.Context(), order(t, at, "5", "USD"))
		require.NoError(t, err)

		after.Close()
		reopened := open(t, within(perDay("USD", "10")), at)
		_, err = reopened.Reserve(t.Context(), order(t, at, "10", "USD"))
		assert.NoError(t, err)
	})
}

func TestBudgetsRefused(t *testing.T) {
	week := perDay("USD", "1")
	week.Per = "week"
	for name, test := range map[string]struct {
		budgets []limits.Budget
		enabled []string
		says    string
	}{
		"no currency":               {[]limits.Budget{perDay("usd", "1")}, nil, "budget usd: expected the ISO 4217 code"},
		"no amount":                 {[]limits.Budget{perDay("USD", "much")}, nil, `"much" is not an amount`},
		"too fine":                  {[]limits.Budget{perDay("IDR", "1.5")}, nil, "IDR has 0 decimals"},
		"too large":                 {[]limits.Budget{perDay("USD", "90071992547409.91")}, nil, "below 2^53"},
		"no such window":            {[]limits.Budget{week}, nil, `per "week"`},
		"no such endpoint":          {[]limits.Budget{perDay("USD", "1", "pay")}, nil, `"pay" is neither`},
		"an endpoint without money": {[]limits.Budget{perDay("USD", "1", "orderQuery")}, []string{"orderQuery", "orderAndPay"}, "orderQuery moves no money"},
		"one that is not enabled":   {[]limits.Budget{perDay("USD", "1", "refund")}, nil, "refund is not enabled"},
		"nothing that moves money":  {[]limits.Budget{perDay("USD", "1")}, []string{"applyDropinSession"}, "no enabled endpoint moves money"},
		"amounts that nobody knows": {[]limits.Budget{perDay("USD", "1")}, []string{"orderAndPay", "paymentOrderPay"}, "budget: cannot be enforced for paymentOrderPay"},
		"the same budget twice":     {[]limits.Budget{perDay("USD", "1"), perDay("USD", "2")}, nil, "budget USD per day is already set"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.enabled == nil {
				test.enabled = []string{"orderAndPay"}
			}
			l := within(test.budgets...)
			_, err := l.Open(place(t, test.enabled...))
			assert.ErrorContains(t, err, test.says)
		})
	}
	// Amounts that are not counted need not be known.
	open(t, within(perDay("USD", "1", "refund")), place(t, "paymentOrderPay", "refund"))
}

// A call for more than a whole budget is not put off until the next window.
func TestCallLargerThanItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay")
		l := open(t, within(perDay("USD", "100")), at)
		_, err := l.Reserve(t.Context(), order(t, at, "100.01", "USD"))
		refused := requireRefused(t, err, limits.ByBudget)
		assert.Contains(t, refused.Msg, "more than the whole budget of USD 100.00 per day")
		assert.Empty(t, refused.Header)
		_, err = l.Reserve(t.Context(), order(t, at, "100", "USD"))
		require.NoError(t, err)
		for _, amount := range []string{"0.01", "100"} {
			_, err = l.Reserve(t.Context(), order(t, at, amount, "USD"))
			assert.NotEmpty(t, requireRefused(t, err, limits.ByBudget).Header, amount)
		}
	})
}

// A call counts against a budget if it takes something from it.
func TestHasBudgets(t *testing.T) {
	for name, test := range map[string]struct {
		limits limits.Limits
		amount string
		want   bool
	}{
		"an amount":        {within(perDay("USD", "10")), "1", true},
		"nothing":          {within(perDay("USD", "10")), "0", false},
		"a rate":           {limits.Limits{Quota: limits.Quota{Rate: 1}}, "1", false},
		"a number":         {limits.Limits{RefuseDoubles: true}, "1", false},
		"no limits at all": {limits.Limits{}, "1", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			at := place(t, "orderAndPay")
			reserved, err := open(t, test.limits, at).Reserve(t.Context(), order(t, at, test.amount, "USD"))
			require.NoError(t, err, name)
			assert.Equal(t, test.want, reserved.HasBudgets(), name)
		})
	}
	assert.False(t, (*limits.Reserved)(nil).HasBudgets())
}
