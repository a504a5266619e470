// Package prom makes this module's metrics, whose names all begin alike, and
// registers them with each config that uses them.
package prom

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Namespace is what the names of all of Caddy's metrics begin with, and subsystem what
// follows it in the names of this module's: caddy_payermax_.
const (
	Namespace = "caddy"
	subsystem = "payermax"
)

// Counter makes a counter without labels.
func Counter(name, help string) prometheus.Counter {
	return Counters(name, help).WithLabelValues()
}

// Counters makes the counters of one name, one for each set of values of the labels.
func Counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: Namespace, Subsystem: subsystem, Name: name, Help: help,
	}, labels)
}

// Gauge makes a gauge without labels.
func Gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: Namespace, Subsystem: subsystem, Name: name, Help: help,
	})
}

// Histograms makes the histograms of one name, one for each set of values of the
// labels. The buckets are upper bounds in ascending order.
func Histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: Namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets,
	}, labels)
}

// Description describes a metric whose values are asked for when they are collected.
func Description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(Namespace, subsystem, name), help, labels, nil)
}

// shared are the collectors of all rooms.
var shared []prometheus.Collector

// Share makes the collectors part of each config that registers any, so that all configs
// have the same metrics, whichever modules they have. Collectors live as long as the
// process, so that counters survive a reload of the config. It is for init
// functions: each room shares its own.
func Share(collectors ...prometheus.Collector) { shared = append(shared, collectors...) }

// Collectors returns the collectors of all rooms that are part of the program.
func Collectors() []prometheus.Collector { return slices.Clone(shared) }

// Register makes the collectors that are shared part of the config that ctx belongs to,
// which has a registry of its own. Another module of the same config may have done so
// before.
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
