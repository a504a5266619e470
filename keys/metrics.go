package keys

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

var (
	keyInfo = prom.Description("key_info",
		"The keys in use, by source and fingerprint. Always 1.", "source", "fingerprint")
	keyLoaded = prom.Description("key_last_load_timestamp_seconds",
		"When the key in use was loaded, in seconds since 1970.", "source", "fingerprint")
	keyDegraded = prom.Description("key_degraded",
		"Whether a newer key was refused, so that the last good one is still in use: 1 or 0.", "source", "fingerprint")
	engineInfo = prom.Description("signing_engine_info",
		"The engine that computes the signatures of the keys in use, for keys that sign in this process: batch, crypto/rsa, or openssl. Always 1.", "source", "fingerprint", "engine")
	engineUnavailable = prom.Description("signing_engine_unavailable",
		"The keys in use whose config asks for an engine that cannot compute their signatures, so that crypto/rsa does. Always 1.", "source", "fingerprint", "engine")
	engineFailures = prom.Counter("engine_failures_total",
		"Signatures of the engine batch that did not verify, and were made by crypto/rsa instead.")
	engineOff = prom.Gauge("engine_off",
		"Whether the engine batch is off because one of its signatures did not verify: 1 until the process is restarted.")
	reloadFailures = prom.Counter("key_reload_failures_total",
		"Changed keys that could not be used, so that the last good ones stayed in use.")
	promotions = prom.Counter("key_promotions_total",
		"Next keys that replaced the current key because PayerMax had switched.")
)

// collector reports the keys of all rings in use, each key once.
type collector struct{}

func init() { prom.Share(collector{}, reloadFailures, promotions, engineFailures, engineOff) }

// Describe describes the metrics.
func (collector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- keyInfo
	descriptions <- keyLoaded
	descriptions <- keyDegraded
	descriptions <- engineInfo
	descriptions <- engineUnavailable
}

// Collect sends one set of metrics for each distinct key in use.
func (collector) Collect(collected chan<- prometheus.Metric) {
	type state struct {
		loaded   float64
		degraded float64
		engine   string
		lacks    string
	}
	states := make(map[Identity]state)
	for _, ring := range InUse() {
		current, refused := ring.Current(), ring.Refused() != ""
		for _, id := range current.Identities() {
			s := state{loaded: max(states[id].loaded, float64(current.Loaded.UnixMilli())/1000), degraded: states[id].degraded, engine: current.Signing.Engine(), lacks: current.Signing.LacksEngine}
			if refused {
				s.degraded = 1
			}
			states[id] = s
		}
	}
	for id, s := range states {
		collected <- prometheus.MustNewConstMetric(keyInfo, prometheus.GaugeValue, 1, id.Source, id.Fingerprint)
		if s.engine != "" {
			collected <- prometheus.MustNewConstMetric(engineInfo, prometheus.GaugeValue, 1, id.Source, id.Fingerprint, s.engine)
		}
		if s.lacks != "" {
			collected <- prometheus.MustNewConstMetric(engineUnavailable, prometheus.GaugeValue, 1, id.Source, id.Fingerprint, s.lacks)
		}
		collected <- prometheus.MustNewConstMetric(keyLoaded, prometheus.GaugeValue, s.loaded, id.Source, id.Fingerprint)
		collected <- prometheus.MustNewConstMetric(keyDegraded, prometheus.GaugeValue, s.degraded, id.Source, id.Fingerprint)
	}
}
