package payermax

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

var (
	keyInfo = prom.Description("key_info",
		"The keys in use, by source and fingerprint. Always 1.", "source", "fingerprint")
	keyLoaded = prom.Description("key_last_load_timestamp_seconds",
		"When the key in use was loaded, in seconds since 1970.", "source", "fingerprint")
	keyDegraded = prom.Description("key_degraded",
		"Whether a newer key was refused and this one is only the last good one.", "source", "fingerprint")
)

// keyCollector reports the keys of all handlers that are in use: those that sign,
// and those that notifications are verified with. It asks the handlers
// when it is asked, so a key that is gone leaves no series behind.
type keyCollector struct {
	mutex sync.Mutex
	rings map[*keyring]struct{}
}

func (c *keyCollector) add(k *keyring) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.rings[k] = struct{}{}
}

func (c *keyCollector) remove(k *keyring) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.rings, k)
}

// inUse returns the rings of all handlers that are in use.
func (c *keyCollector) inUse() []*keyring {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Collect(maps.Keys(c.rings))
}

// Describe describes the metrics.
func (*keyCollector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- keyInfo
	descriptions <- keyLoaded
	descriptions <- keyDegraded
}

// Collect sends one set of metrics for each distinct key in use.
func (c *keyCollector) Collect(collected chan<- prometheus.Metric) {
	type state struct {
		loaded   float64
		degraded float64
	}
	states := make(map[keyIdentity]state)
	for _, ring := range c.inUse() {
		current := ring.current.Load()
		for _, id := range current.identities() {
			s := state{loaded: max(states[id].loaded, float64(current.loaded.UnixMilli())/1000), degraded: states[id].degraded}
			if ring.failure.Load() != nil {
				s.degraded = 1
			}
			states[id] = s
		}
	}
	for id, s := range states {
		collected <- prometheus.MustNewConstMetric(keyInfo, prometheus.GaugeValue, 1, id.source, id.fingerprint)
		collected <- prometheus.MustNewConstMetric(keyLoaded, prometheus.GaugeValue, s.loaded, id.source, id.fingerprint)
		collected <- prometheus.MustNewConstMetric(keyDegraded, prometheus.GaugeValue, s.degraded, id.source, id.fingerprint)
	}
}
