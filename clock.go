package payermax

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

const (
	// clockNoise is the skew that says nothing: Date has whole seconds, and
	// takes some time to get here.
	clockNoise = 2 * time.Second
	// clockLimit is the skew beyond which the gateway's clock is not followed:
	// that is no drift but a mistake, and not necessarily ours.
	clockLimit = time.Hour
	// clockSamples are the answers that the skew is the median of, so that one
	// odd Date does not matter.
	clockSamples = 5
)

// clock compares the gateway's clock, as its answers show it in Date, with ours.
type clock struct {
	mutex   sync.Mutex
	text    string          // the last Date, as it was sent,
	date    time.Time       // and what it says
	samples []time.Duration // the last ones, the oldest first
	level   time.Duration   // the last one that was complained about
	skew    atomic.Pointer[time.Duration]
}

// observe takes the Date of an answer whose first byte arrived at the time
// given, and logs when the skew becomes large or small again.
func (c *clock) observe(header http.Header, arrived time.Time, logger *zap.Logger) {
	text := header.Get("Date")
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if text != c.text { // which it seldom is in a busy second
		date, err := http.ParseTime(text)
		if err != nil {
			return
		}
		c.text, c.date = text, date
	}
	if c.text == "" || arrived.IsZero() {
		return
	}
	// The fraction is cut off; half a second is the best guess.
	sample := c.date.Add(500 * time.Millisecond).Sub(arrived)

	if len(c.samples) == clockSamples {
		c.samples = c.samples[1:]
	}
	c.samples = append(c.samples, sample)
	skew := median(c.samples)
	c.skew.Store(&skew)
	c.complain(skew, logger)
}

// complain logs a skew once for each level that it reaches.
func (c *clock) complain(skew time.Duration, logger *zap.Logger) {
	var level time.Duration
	switch size := skew.Abs(); {
	case size >= protocol.ClockAlarm:
		level = protocol.ClockAlarm
	case size >= protocol.ClockWarning:
		level = protocol.ClockWarning
	}
	if level == c.level {
		return
	}
	c.level = level
	ahead := zap.Duration("gateway_ahead_by", skew.Round(time.Second))
	switch level {
	case protocol.ClockAlarm:
		logger.Error("this machine's clock differs so much from the gateway's that PayerMax will refuse calls with REQ_TIME_OVER_TIME: it accepts two minutes; set the clock, or see follow_gateway_clock", ahead)
	case protocol.ClockWarning:
		logger.Warn("this machine's clock differs from the gateway's; at two minutes PayerMax refuses calls; check its time synchronisation", ahead)
	default:
		logger.Info("this machine's clock agrees with the gateway's again", ahead)
	}
}

// measured returns how far the gateway's clock is ahead of ours, if that is
// known.
func (c *clock) measured() (skew time.Duration, ok bool) {
	if stored := c.skew.Load(); stored != nil {
		return *stored, true
	}
	return 0, false
}

// gatewayTime returns what the gateway's clock shows now, as far as it can be
// told; our own time if it cannot, or if there is no telling difference.
func (c *clock) gatewayTime() time.Time {
	now := time.Now()
	skew, ok := c.measured()
	if size := skew.Abs(); !ok || size < clockNoise || size > clockLimit {
		return now
	}
	return now.Add(skew)
}

func median(samples []time.Duration) time.Duration {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

var (
	clockSkew = prom.Description("clock_skew_seconds",
		"How far the gateway's clock, by the Date of its last answers, is ahead of ours. Absent before the first answer.")
	lastSuccessTime = prom.Description("gateway_last_success_timestamp_seconds",
		"When the gateway last answered APPLY_SUCCESS, in seconds since 1970. Absent before the first time.")
)

// Describe describes the metric.
func (*clock) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- clockSkew }

// Collect sends the skew once there is one.
func (c *clock) Collect(collected chan<- prometheus.Metric) {
	if skew, ok := c.measured(); ok {
		collected <- prometheus.MustNewConstMetric(clockSkew, prometheus.GaugeValue, skew.Seconds())
	}
}

// lastSuccess is when the gateway last accepted a request.
type lastSuccess struct{ atomic.Pointer[time.Time] }

// Describe describes the metric.
func (*lastSuccess) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- lastSuccessTime }

// Collect sends the time once there is one.
func (l *lastSuccess) Collect(collected chan<- prometheus.Metric) {
	if at := l.Load(); at != nil {
		collected <- prometheus.MustNewConstMetric(lastSuccessTime, prometheus.GaugeValue, float64(at.UnixMilli())/1000)
	}
}
