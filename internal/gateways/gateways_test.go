package gateways

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// used returns the Gateway of a handler that is in use until the end of the test. Its
// clock is ahead.
func used(t *testing.T, name string, ahead time.Duration) *Gateway {
	t.Helper()
	g := New(name)
	g.Use()
	t.Cleanup(g.Release)
	observe(g, ahead)
	return g
}

// observe sets how far the gateway's clock is ahead from now on.
func observe(g *Gateway, ahead time.Duration) {
	now := time.Now()
	for range clockSamples {
		g.ObserveClock(dated(now, ahead), now, zap.NewNop())
	}
}

// collect returns the metrics by name.
func collect(t *testing.T) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for _, family := range testtool.Gathered(t, collector{}) {
		require.Len(t, family.GetMetric(), 1, "queries expect one series")
		values[family.GetName()] = testtool.ValueOf(family.GetMetric()[0])
	}
	return values
}

// ahead returns how far, in seconds, the requestTime of a call is ahead of this machine's
// clock.
func ahead(g *Gateway) float64 { return time.Until(g.Now()).Seconds() }

// A gateway does not change the clock of other handlers.
func TestClocksAreSeparate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow, unknown := used(t, "fast", time.Minute), used(t, "slow", -time.Minute), New("unknown")
		assert.InDelta(t, 60, ahead(fast), 1)
		assert.InDelta(t, -60, ahead(slow), 1)
		assert.InDelta(t, 0, ahead(unknown), 1)
		observe(slow, 3*time.Minute)
		assert.InDelta(t, 60, ahead(fast), 1)
		assert.InDelta(t, 180, ahead(slow), 1)
	})
}

// A handler that replaces another one starts with the measurements of the same gateway;
// from then on, they are independent. A gateway that is not in use, or not known, is not
// inherited from.
func TestSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := used(t, "gateway", time.Minute)
		before.NoteSuccess()
		before.NoteSandbox()
		after := New("gateway")
		assert.InDelta(t, 60, ahead(after), 1)
		require.NotNil(t, after.lastSuccess.Load())
		assert.Equal(t, *before.lastSuccess.Load(), *after.lastSuccess.Load())
		assert.True(t, after.NoteSandbox(), "another program may answer there by now")

		observe(after, 2*time.Minute)
		assert.InDelta(t, 60, ahead(before), 1)
		assert.InDelta(t, 120, ahead(after), 1)

		third := New("gateway")
		for range clockSamples {
			now := time.Now()
			third.ObserveClock(dated(now, 3*time.Minute), now, zap.NewNop())
			before.ObserveClock(dated(now, time.Minute), now, zap.NewNop())
		}
		assert.InDelta(t, 180, ahead(third), 1, "what both go on to measure is kept apart")

		assert.InDelta(t, 0, ahead(New("another gateway")), 1)
		before.Release()
		assert.InDelta(t, 0, ahead(New("gateway")), 1)
		used(t, "", time.Minute)
		assert.InDelta(t, 0, ahead(New("")), 1)
		assert.InDelta(t, 0, ahead(New("gateway")), 1)
	})
}

// Each metric has one value for all gateways: the largest skew, the latest success, and
// whether there is any sandbox.
func TestSeveralGateways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const skew, success, sandbox = "caddy_payermax_clock_skew_seconds", "caddy_payermax_gateway_last_success_timestamp_seconds", "caddy_payermax_sandbox"
		assert.Equal(t, map[string]float64{sandbox: 0}, collect(t), "without a handler")
		silent := New("silent")
		silent.Use()
		defer silent.Release()
		assert.Equal(t, map[string]float64{sandbox: 0}, collect(t), "before the first answer")

		fast, slow := used(t, "fast", 20*time.Second), used(t, "slow", -40*time.Second)
		assert.InDelta(t, -40, collect(t)[skew], 1)
		slow.NoteSuccess()
		slow.Release()
		assert.InDelta(t, 20, collect(t)[skew], 1)
		assert.NotContains(t, collect(t), success)

		earlier, later := time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
		fast.noteSuccess(later)
		silent.noteSuccess(earlier)
		assert.InDelta(t, float64(later.Unix()), collect(t)[success], 1)

		assert.True(t, silent.NoteSandbox())
		assert.False(t, silent.NoteSandbox(), "it is known")
		assert.Equal(t, 1.0, collect(t)[sandbox])
		silent.Release()
		assert.Equal(t, 0.0, collect(t)[sandbox])
	})
}
