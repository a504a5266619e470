package stores

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

var (
	reachable = prom.Description("store_reachable",
		"Whether the shared store answered when it was last asked: 1, or 0. With several, whether all did. There is no series without such a store.")
	duration = prom.Histograms("store_duration_seconds",
		"Time that the shared store took for an operation (claim, renew, finish, release, reserve, settle), by its result: ok, or failed if it returned an error or did not answer in time.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}, "operation", "result")
)

// health collects the metric of the stores in use.
type health struct{}

func init() { prom.Share(health{}, duration) }

// Observe records how long an operation of a remote store has taken, and whether it failed.
func Observe(operation string, began time.Time, failed bool) {
	result := "ok"
	if failed {
		result = "failed"
	}
	duration.WithLabelValues(operation, result).Observe(time.Since(began).Seconds())
}

// Describe describes the metric.
func (health) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- reachable }

// Collect reports the health of the stores in use, without contacting them.
func (health) Collect(metrics chan<- prometheus.Metric) {
	worst, ok := Worst()
	if !ok {
		return
	}
	value := 0.0
	if worst.Reachable {
		value = 1
	}
	metrics <- prometheus.MustNewConstMetric(reachable, prometheus.GaugeValue, value)
}

// Interface guards
var _ prometheus.Collector = health{}
