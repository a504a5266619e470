package limits_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// budgetMetrics returns the metrics of an app_id's budgets, by their names and their other
// labels in alphabetical order.
func budgetMetrics(t *testing.T, appID string) map[string]float64 {
	t.Helper()
	found := make(map[string]float64)
	for _, family := range testtool.Gathered(t, prom.Collectors()...) {
		name, isBudget := strings.CutPrefix(family.GetName(), "caddy_payermax_budget_")
		for _, metric := range family.GetMetric() {
			labels := []string{name}
			isOurs := false
			for _, label := range metric.GetLabel() {
				if label.GetName() == "app_id" {
					isOurs = label.GetValue() == appID
					continue
				}
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			if isBudget && isOurs {
				found[strings.Join(labels, " ")] = testtool.ValueOf(metric)
			}
		}
	}
	return found
}

// Metrics show the budget of each merchant and each caller and, from the first call on, what
// is left of it. If two handlers have the same budget, the lower limit is shown. Closed
// limits are not shown.
func TestBudgetMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := place(t, "orderAndPay", "refund", "capture")
		app := at.Merchants[0].AppID
		at.Merchants = append(at.Merchants, limits.Merchant{AppID: app, MerchantNo: "2"})
		const (
			all   = " caller= currency=USD endpoints= merchant_no=1 per=day"
			other = " caller= currency=USD endpoints= merchant_no=2 per=day"
			idr   = " caller=shop currency=IDR endpoints=capture orderAndPay merchant_no=1 per=month"
		)
		perMonth := limits.Budget{Currency: "IDR", Amount: "5000", Per: "month", Endpoints: []string{"orderAndPay", "capture"}}
		configured := within(perDay("USD", "100.50"), perDay("IDR", "9000"))
		configured.CallerID, configured.Callers = "{x}", map[string]limits.Caller{"shop": {Quota: limits.Quota{Budgets: []limits.Budget{perMonth}}}}
		l, err := configured.Open(at)
		require.NoError(t, err)
		metrics := budgetMetrics(t, app)
		assert.Equal(t, 100.5, metrics["limit"+all])
		assert.Equal(t, 5000.0, metrics["limit"+idr])
		assert.Len(t, metrics, 6, "the limits alone")

		_, err = l.Reserve(t.Context(), order(t, at, "60.25", "USD"))
		require.NoError(t, err)
		byShop := order(t, at, "1000", "IDR")
		byShop.By = admitted(t, l, "shop")
		_, err = l.Reserve(t.Context(), byShop)
		require.NoError(t, err)
		_, midnight := stores.Day.Around(time.Now())
		metrics = budgetMetrics(t, app)
		assert.Equal(t, 40.25, metrics["remaining"+all])
		assert.EqualValues(t, midnight.Unix(), metrics["reset_timestamp_seconds"+all])
		assert.Equal(t, 4000.0, metrics["remaining"+idr])
		assert.Contains(t, metrics, "limit"+other)
		assert.NotContains(t, metrics, "remaining"+other)

		lower := within(perDay("USD", "50"))
		second, err := lower.Open(at)
		require.NoError(t, err)
		metrics = budgetMetrics(t, app)
		assert.Equal(t, 50.0, metrics["limit"+all])
		assert.Zero(t, metrics["remaining"+all], "rather than less than nothing")
		second.Close()
		assert.Equal(t, 40.25, budgetMetrics(t, app)["remaining"+all])

		time.Sleep(time.Until(midnight) - time.Nanosecond)
		assert.Equal(t, 40.25, budgetMetrics(t, app)["remaining"+all])
		time.Sleep(time.Nanosecond)
		metrics = budgetMetrics(t, app)
		assert.Equal(t, 100.5, metrics["remaining"+all])
		assert.EqualValues(t, midnight.Add(24*time.Hour).Unix(), metrics["reset_timestamp_seconds"+all])
		l.Close()
		assert.Empty(t, budgetMetrics(t, app))
	})
}

// If handlers use different stores, metrics show the store with the least left, and a known
// value rather than none.
func TestBudgetMetricsOfStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, first := sharing(t, "orderAndPay")
		elsewhere, second := at, newReplicated()
		second.identity, elsewhere.Store = "second", second
		budget := within(perDay("USD", "100"), limits.Budget{Currency: "USD", Amount: "1000", Per: "month"})
		ofFirst, ofSecond := open(t, budget, at), open(t, budget, elsewhere)
		remaining := func() []float64 {
			var found []float64
			for range 20 { // handlers are in no particular order
				metrics := budgetMetrics(t, at.Merchants[0].AppID)
				for name, value := range metrics {
					if strings.HasPrefix(name, "remaining") && strings.HasSuffix(name, "per=day") {
						found = append(found, value)
					}
				}
			}
			assert.Contains(t, []int{0, 20}, len(found))
			slices.Sort(found)
			return slices.Compact(found)
		}
		assert.Empty(t, remaining())
		unsent, err := ofFirst.Reserve(t.Context(), order(t, at, "1", "USD"))
		require.NoError(t, err)
		unsent.Settle(stores.Unsent)
		assert.Equal(t, []float64{100}, remaining())
		_, err = ofSecond.Reserve(t.Context(), order(t, at, "30", "USD"))
		require.NoError(t, err)
		assert.Equal(t, []float64{70}, remaining())
		_, err = ofFirst.Reserve(t.Context(), order(t, at, "40", "USD"))
		require.NoError(t, err)
		assert.Equal(t, []float64{60}, remaining())

		// A refusal says what is left as well.
		ofDay := first.asked()[0].Budgets[0]
		ofDay.Amount = 5500 // by another replica
		_, err = first.take(t.Context(), stores.Reservation{Call: stores.NewScope("another").NewKey(), Lease: time.Second, Budgets: []stores.Budget{ofDay}})
		require.NoError(t, err)
		_, err = ofFirst.Reserve(t.Context(), order(t, at, "6", "USD"))
		requireRefused(t, err, limits.ByBudget)
		assert.Equal(t, []float64{5}, remaining())
	})
}
