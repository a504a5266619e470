package payermax

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

const metricsNamespace, metricsSubsystem = "caddy", "payermax"

// metrics are the module's counters. There is one set for the process, so that
// they survive a reload of the config, which brings a new registry.
type metrics struct {
	reloadFailures prometheus.Counter
	promotions     prometheus.Counter
	signing        *prometheus.HistogramVec
	answers        *prometheus.CounterVec
	notifications  *prometheus.CounterVec
	keys           *keyCollector
}

var processMetrics = &metrics{
	reloadFailures: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem,
		Name: "key_reload_failures_total",
		Help: "Changed keys that could not be used, so that the last good ones stayed in use.",
	}),
	promotions: prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem,
		Name: "key_promotions_total",
		Help: "Next keys that took the place of the current one because PayerMax had switched.",
	}),
	signing: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem,
		Name:    "sign_duration_seconds",
		Help:    "Time to sign a request, by the source of the key, failures included.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	}, []string{"source"}),
	answers: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem,
		Name: "answers_total",
		Help: "Answers of the gateway, by what the check of their signature found: verified, unsigned, unchecked or unverified, of which the last are withheld.",
	}, []string{"result"}),
	notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metricsNamespace, Subsystem: metricsSubsystem,
		Name: "notifications_total",
		Help: "Notifications, by what became of them: passed, duplicate, concurrent, not_accepted, or refused as unsigned, wrong_signature, too_large, method, coding or incomplete.",
	}, []string{"result"}),
	keys: &keyCollector{rings: make(map[*keyring]struct{})},
}

// register makes the metrics part of the config that ctx belongs to. Another
// handler of the same config may have done so before.
func (m *metrics) register(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	for _, collector := range []prometheus.Collector{m.reloadFailures, m.promotions, m.signing, m.answers, m.notifications, m.keys} {
		if err := registry.Register(collector); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return err
		}
	}
	return nil
}

var (
	keyInfo = prometheus.NewDesc(metricsNamespace+"_"+metricsSubsystem+"_key_info",
		"The keys in use, by source and fingerprint. Always 1.", []string{"source", "fingerprint"}, nil)
	keyLoaded = prometheus.NewDesc(metricsNamespace+"_"+metricsSubsystem+"_key_last_load_timestamp_seconds",
		"When the key in use was loaded, in seconds since 1970.", []string{"source", "fingerprint"}, nil)
	keyDegraded = prometheus.NewDesc(metricsNamespace+"_"+metricsSubsystem+"_key_degraded",
		"Whether a newer key was refused and this one is only the last good one.", []string{"source", "fingerprint"}, nil)
)

// keyCollector tells of the keys of all handlers that are in use. It asks them
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
	type identity struct{ source, fingerprint string }
	type state struct {
		loaded   float64
		degraded float64
	}
	states := make(map[identity]state)
	for _, ring := range c.inUse() {
		key := ring.current.Load()
		id := identity{key.signing.source, key.signing.fingerprint}
		s := state{loaded: max(states[id].loaded, float64(key.loaded.UnixMilli())/1000), degraded: states[id].degraded}
		if ring.failure.Load() != nil {
			s.degraded = 1
		}
		states[id] = s
	}
	for id, s := range states {
		collected <- prometheus.MustNewConstMetric(keyInfo, prometheus.GaugeValue, 1, id.source, id.fingerprint)
		collected <- prometheus.MustNewConstMetric(keyLoaded, prometheus.GaugeValue, s.loaded, id.source, id.fingerprint)
		collected <- prometheus.MustNewConstMetric(keyDegraded, prometheus.GaugeValue, s.degraded, id.source, id.fingerprint)
	}
}
