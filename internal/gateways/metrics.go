package gateways

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

var (
	clockSkew = prom.Description("clock_skew_seconds",
		"How far the gateway's clock, by the Date of its last verified answers, is ahead of this machine's; with several gateways, the largest difference. Absent before the first answer.")
	lastSuccess = prom.Description("gateway_last_success_timestamp_seconds",
		"When a gateway last answered APPLY_SUCCESS, in seconds since 1970. Absent before the first time.")
	sandbox = prom.Description("sandbox",
		"Whether a sandbox is in use instead of PayerMax, so that no money moves: 1 if it answers a handler's calls or is a site here, otherwise 0.")
)

func init() { prom.Share(collector{}) }

// collector collects what the handlers in use know.
type collector struct{}

// Describe sends the descriptions of the metrics.
func (collector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- clockSkew
	descriptions <- lastSuccess
	descriptions <- sandbox
}

// Collect sends the metrics whose values are known.
func (collector) Collect(collected chan<- prometheus.Metric) {
	gauge := func(description *prometheus.Desc, value float64) {
		collected <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value)
	}
	if skew, ok := ClockSkew(); ok {
		gauge(clockSkew, skew.Seconds())
	}
	if at, ok := LastSuccess(); ok {
		gauge(lastSuccess, float64(at.UnixMilli())/1000)
	}
	if HasSandbox() {
		gauge(sandbox, 1)
	} else {
		gauge(sandbox, 0)
	}
}
