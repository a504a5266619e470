package gateways

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// dated returns the header of an answer by a gateway whose clock is ahead.
func dated(now time.Time, ahead time.Duration) http.Header {
	return http.Header{"Date": {now.Add(ahead).UTC().Format(http.TimeFormat)}}
}

func TestClockMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		_, ok := c.measured()
		assert.False(t, ok, "nothing was observed yet")
		assert.WithinDuration(t, time.Now(), c.now(), time.Second)

		now := time.Now()
		c.observe(http.Header{}, now, zap.NewNop())
		c.observe(http.Header{"Date": {"yesterday"}}, now, zap.NewNop())
		c.observe(dated(now, 0), time.Time{}, zap.NewNop())
		_, ok = c.measured()
		assert.False(t, ok, "there was no Date, or no telling when it arrived")

		c.observe(dated(now, 40*time.Second), now, zap.NewNop())
		skew, ok := c.measured()
		require.True(t, ok)
		assert.InDelta(t, 40, skew.Seconds(), 0.5)

		time.Sleep(20 * time.Second) // the answer is long; its Date is of its beginning
		for range clockSamples {
			c.observe(dated(now, 40*time.Second), now, zap.NewNop())
		}
		skew, _ = c.measured()
		assert.InDelta(t, 40, skew.Seconds(), 0.5)
		assert.WithinDuration(t, time.Now().Add(40*time.Second), c.now(), time.Second)
	})
}

// One odd Date changes nothing, but a lasting change does.
func TestClockTakesTheMedian(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		now := time.Now()
		for range 3 {
			c.observe(dated(now, 0), now, zap.NewNop())
		}
		c.observe(dated(now, time.Hour), now, zap.NewNop())
		skew, _ := c.measured()
		assert.Less(t, skew.Abs(), time.Second)
		for range 3 {
			c.observe(dated(now, time.Minute), now, zap.NewNop())
		}
		skew, _ = c.measured()
		assert.InDelta(t, 60, skew.Seconds(), 0.5)
	})
}

// Neither noise nor an implausible skew is followed.
func TestClockFollowsWithinReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			ahead    time.Duration
			followed bool
		}{
			{time.Second, false},
			{3 * time.Second, true},
			{-3 * time.Minute, true},
			{59 * time.Minute, true},
			{2 * time.Hour, false},
		} {
			var c clock
			now := time.Now()
			c.observe(dated(now, test.ahead), now, zap.NewNop())
			want := time.Now()
			if test.followed {
				want = want.Add(test.ahead)
			}
			assert.WithinDuration(t, want, c.now(), 700*time.Millisecond, test.ahead)
		}
	})
}

// Each level is logged once, and so is the return to normal.
func TestClockComplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		var c clock
		for _, ahead := range []time.Duration{29 * time.Second, 31 * time.Second, 35 * time.Second, -91 * time.Second, -100 * time.Second, 10 * time.Second} {
			c.samples = nil // this test is not about the median
			now := time.Now()
			c.observe(dated(now, ahead), now, zap.New(core))
		}
		var levels []zapcore.Level
		for _, entry := range logs.All() {
			levels = append(levels, entry.Level)
		}
		require.Equal(t, []zapcore.Level{zapcore.WarnLevel, zapcore.ErrorLevel, zapcore.InfoLevel}, levels)
		assert.Contains(t, logs.All()[1].Message, "PayerMax will refuse")
		assert.InDelta(t, -91, logs.All()[1].ContextMap()["gateway_ahead_by"].(time.Duration).Seconds(), 1)
	})
}

// The alerts have the same limits as the log.
func TestClockAlertsAreTheLimits(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/rules.yaml")
	require.NoError(t, err)
	for _, limit := range []time.Duration{protocol.ClockWarning, protocol.ClockAlarm} {
		assert.Regexp(t, fmt.Sprintf(`abs\(caddy_payermax_clock_skew_seconds\) > %.0f\b`, limit.Seconds()), string(rules))
	}
}
