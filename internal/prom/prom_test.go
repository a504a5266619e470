package prom

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// sharing makes these the only shared collectors until the end of the test.
func sharing(t *testing.T, collectors ...prometheus.Collector) {
	t.Helper()
	before := shared
	t.Cleanup(func() { shared = before })
	shared = nil
	Share(collectors...)
}

// newConfig returns the context of a config, with a registry of its own.
func newConfig(t *testing.T) caddy.Context {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	return ctx
}

// gathered returns the sums of this module's metrics in a config, by name.
func gathered(t *testing.T, ctx caddy.Context) map[string]float64 {
	t.Helper()
	families, err := ctx.GetMetricsRegistry().Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "caddy_payermax_") {
			continue // Caddy's own, and Go's
		}
		for _, metric := range family.GetMetric() {
			values[family.GetName()] += testtool.ValueOf(metric)
		}
	}
	return values
}

// constant is a collector of one gauge with a fixed value.
type constant struct{ *prometheus.Desc }

func (c constant) Describe(described chan<- *prometheus.Desc) { described <- c.Desc }

func (c constant) Collect(collected chan<- prometheus.Metric) {
	collected <- prometheus.MustNewConstMetric(c.Desc, prometheus.GaugeValue, 7)
}

// All names have the same prefix, whatever the type of the metric.
func TestNames(t *testing.T) {
	counter, counters := Counter("one_total", "One."), Counters("some_total", "Some.", "kind")
	histograms := Histograms("duration_seconds", "How long.", []float64{1, 2}, "kind")
	sharing(t, counter, counters, histograms, constant{Description("gauge", "A number.")})
	ctx := newConfig(t)
	require.NoError(t, Register(ctx))
	counter.Inc()
	counters.WithLabelValues("a").Inc()
	counters.WithLabelValues("b").Inc()
	histograms.WithLabelValues("a").Observe(1.5)
	assert.Equal(t, map[string]float64{
		"caddy_payermax_one_total": 1, "caddy_payermax_some_total": 2,
		"caddy_payermax_duration_seconds": 1, "caddy_payermax_gauge": 7,
	}, gathered(t, ctx))
}

// The collectors of all packages are registered once, whichever module of a config
// registers them, and counters continue in a later config.
func TestRegister(t *testing.T) {
	first, second := Counter("first_total", "One room's."), Counter("second_total", "Another room's.")
	sharing(t, first)
	Share(second)
	ctx := newConfig(t)
	for range 3 { // modules
		require.NoError(t, Register(ctx))
	}
	first.Inc()
	assert.Equal(t, map[string]float64{"caddy_payermax_first_total": 1, "caddy_payermax_second_total": 0}, gathered(t, ctx))

	reloaded := newConfig(t)
	require.NoError(t, Register(reloaded))
	first.Inc()
	assert.Equal(t, 2.0, gathered(t, reloaded)["caddy_payermax_first_total"])
}

// Two metrics with the same name are detected when the config is loaded.
func TestRegisterRefusesTwoOfOneName(t *testing.T) {
	sharing(t, Counter("same_total", "One meaning."), Counter("same_total", "Another."))
	assert.ErrorContains(t, Register(newConfig(t)), "registering metrics: ")
}

// Outside of a config there is no registry, and Register does nothing.
func TestRegisterWithoutRegistry(t *testing.T) {
	sharing(t, Counter("one_total", "One."))
	assert.NoError(t, Register(caddy.Context{Context: t.Context()}))
}

// Changing the returned list does not change the shared collectors.
func TestCollectorsIsACopy(t *testing.T) {
	one := Counter("one_total", "One.")
	sharing(t, one)
	given := Collectors()
	require.True(t, slices.Equal([]prometheus.Collector{one}, given))
	given[0] = nil
	assert.True(t, slices.Equal([]prometheus.Collector{one}, Collectors()))
}
