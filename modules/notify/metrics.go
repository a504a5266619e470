package notify

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

var notifications = prom.Counters("notifications_total",
	"Notifications, by what became of them: passed, duplicate, concurrent, not_accepted, or refused as unsigned, wrong_signature, not_a_notification, other_merchant, too_large, method, coding, incomplete or overload.",
	"result")

// results are what can become of a notification, as the metric names it.
var results = []string{
	"passed", "duplicate", "concurrent", "not_accepted",
	"unsigned", "wrong_signature", "not_a_notification", "other_merchant", "too_large", "method", "coding", "incomplete",
	overload,
}

// Results returns what can become of a notification, as the metric names it.
func Results() []string { return slices.Clone(results) }

// Collectors returns the metrics of all handlers, for the registry of each config. They
// live as long as the process.
func Collectors() []prometheus.Collector { return []prometheus.Collector{notifications} }

// Announce makes the series of all results begin at zero, so that the first
// notification counts as an increase.
func Announce() {
	for _, result := range results {
		notifications.WithLabelValues(result)
	}
}

// registerMetrics makes the metrics of what the handler uses part of the config that
// ctx belongs to.
func registerMetrics(ctx caddy.Context) error {
	return prom.Register(ctx, slices.Concat(keys.Collectors(), Collectors(), []prometheus.Collector{inflight.Process})...)
}
