// Package prom creates this module's metrics, whose names have a common prefix, and
// registers them with each config that uses them.
package prom

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Namespace is the prefix of all of Caddy's metrics, and subsystem follows it in the
// names of this module's: caddy_payermax_.
const (
	Namespace = "caddy"
	subsystem = "payermax"
)

// Counter returns a counter without labels.
func Counter(name, help string) prometheus.Counter {
	return Counters(name, help).WithLabelValues()
}

// Counters returns the counters of one name, one for each combination of label values.
func Counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: Namespace, Subsystem: subsystem, Name: name, Help: help,
	}, labels)
}

// Gauge returns a gauge without labels.
func Gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: Namespace, Subsystem: subsystem, Name: name, Help: help,
	})
}

// Histograms returns the histograms of one name, one for each combination of label
// values. The buckets are upper bounds in ascending order.
func Histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: Namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets,
	}, labels)
}

// Description describes a metric whose value is determined when it is collected.
func Description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(Namespace, subsystem, name), help, labels, nil)
}

// shared are the collectors of all packages.
var shared []prometheus.Collector

// Share adds collectors to each config that calls Register, so that all configs have the
// same metrics, whichever modules they have. Collectors live as long as the process, so
// counters survive a reload of the config. Share is for init functions: each package
// shares its own collectors.
func Share(collectors ...prometheus.Collector) { shared = append(shared, collectors...) }

// Collectors returns the collectors of all packages in the program.
func Collectors() []prometheus.Collector { return slices.Clone(shared) }

// Register adds the shared collectors to the registry of the config that ctx belongs to.
// Another module of the same config may have done so already.
func Register(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	for _, collector := range shared {
		if err := registry.Register(collector); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
