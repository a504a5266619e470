package limits

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

var (
	budgetLabels = []string{"app_id", "merchant_no", "caller", "endpoints", "currency", "per"}

	budgetLimit = prom.Description("budget_limit",
		"Budgets, in the currency's major unit. An empty caller or endpoints label means all.", budgetLabels...)
	budgetRemaining = prom.Description("budget_remaining",
		"What is left of a budget in the current window, in the currency's major unit, as last seen by this process. Absent before the first call that counts.", budgetLabels...)
	budgetReset = prom.Description("budget_reset_timestamp_seconds",
		"When a budget is reset, in seconds since 1970. Absent before the first call that counts.", budgetLabels...)
)

// inUse are the limits of the handlers in use.
var inUse inuse.Set[*Enforced]

func init() { prom.Share(collector{}) }

// collector reports what is left of the budgets.
type collector struct{}

// Describe describes the metrics.
func (collector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- budgetLimit
	descriptions <- budgetRemaining
	descriptions <- budgetReset
}

// Collect sends what is known. If several handlers have the same budget, it sends the lowest
// limit; at equal limits, the store with the least left, and a known balance rather than
// none.
func (collector) Collect(collected chan<- prometheus.Metric) {
	lowest := make(map[stores.Key]status)
	for _, l := range inUse.All() {
		for _, s := range l.statuses(time.Now()) {
			if other, ok := lowest[s.key]; !ok || s.isLowerThan(other) {
				lowest[s.key] = s
			}
		}
	}
	for _, s := range lowest {
		s.collect(collected)
	}
}

// status is a merchant's budget, and what is left of it.
type status struct {
	*budget
	of    Merchant
	key   stores.Key
	left  stores.Balance
	known bool
}

// isLowerThan reports whether this status allows less to be moved than the other, as far as
// is known.
func (s status) isLowerThan(other status) bool {
	if s.limit == other.limit && s.known != other.known {
		return s.known
	}
	return cmp.Or(cmp.Compare(s.limit, other.limit), cmp.Compare(s.left.Remaining, other.left.Remaining)) < 0
}

// statuses returns the status of each budget.
func (l *Enforced) statuses(now time.Time) []status {
	budgets := slices.Clone(l.budgets)
	for _, c := range l.callers {
		budgets = append(budgets, c.budgets...)
	}
	var all []status
	for _, b := range budgets {
		for merchant, key := range b.keys {
			left, known := l.ledger.books.remaining(l.ledger.store, b, merchant, now)
			all = append(all, status{b, merchant, key, left, known})
		}
	}
	return all
}

func (s status) collect(collected chan<- prometheus.Metric) {
	gauge := func(description *prometheus.Desc, value float64) {
		collected <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value,
			s.of.AppID, s.of.MerchantNo, s.caller, strings.Join(s.only, " "), s.Currency, s.Per)
	}
	major := func(minor int64) float64 {
		value, _ := inMajorUnits(minor, s.decimals).Float64()
		return value
	}
	gauge(budgetLimit, major(s.limit))
	if s.known {
		gauge(budgetRemaining, major(max(0, s.left.Remaining)))
		gauge(budgetReset, float64(s.left.Reset.Unix()))
	}
}
