package notify

import (
	"slices"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

var notifications = prom.Counters("notifications_total",
	"Notifications, by their outcome: passed, duplicate, concurrent, not_accepted, or refused as unsigned, wrong_signature, not_a_notification, ambiguous, other_merchant, too_large, method, coding, incomplete or overload.",
	"result")

var unguarded = prom.Counter("notifications_unguarded_total",
	"Notifications that were delivered without the guard against duplicates because its store did not answer. The application may get them twice.")

// results are the possible outcomes of a notification, as the metric names them.
var results = []string{
	"passed", "duplicate", "concurrent", "not_accepted",
	"unsigned", "wrong_signature", "not_a_notification", "ambiguous", "other_merchant", "too_large", "method", "coding", "incomplete",
	overload,
}

// Results returns the possible outcomes of a notification, as the metric names them.
func Results() []string { return slices.Clone(results) }

func init() { prom.Share(notifications, unguarded) }

// Announce creates the series of all results with value zero, so that the first notification
// counts as an increase.
func Announce() {
	for _, result := range results {
		notifications.WithLabelValues(result)
	}
}
