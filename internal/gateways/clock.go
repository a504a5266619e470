package gateways

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

const (
	// clockNoise is the skew below which a measurement means nothing: Date has whole
	// seconds, and the answer takes some time to arrive.
	clockNoise = 2 * time.Second
	// clockSamples is the number of answers whose median is the skew, so that one odd Date
	// does not matter.
	clockSamples = 5
)

// clock compares the gateway's clock, which its answers show in Date, with this
// machine's.
type clock struct {
	mutex   sync.Mutex
	text    string          // the last Date, as it was sent
	date    time.Time       // the last Date, parsed
	samples []time.Duration // the last samples, oldest first
	level   time.Duration   // the last level that was logged
	skew    atomic.Pointer[time.Duration]
}

// observe evaluates the Date of an answer whose first byte arrived at the given time, and
// logs when the skew becomes large or small again.
func (c *clock) observe(header http.Header, arrived time.Time, logger *zap.Logger) {
	text := header.Get("Date")
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if text != c.text { // parse each Date only once: under load, many answers have the same one
		date, err := http.ParseTime(text)
		if err != nil {
			return
		}
		c.text, c.date = text, date
	}
	if c.text == "" || arrived.IsZero() {
		return
	}
	// Date is truncated to seconds; half a second is the best estimate of the fraction.
	sample := c.date.Add(500 * time.Millisecond).Sub(arrived)

	if len(c.samples) == clockSamples {
		c.samples = c.samples[1:]
	}
	c.samples = append(c.samples, sample)
	skew := median(c.samples)
	c.skew.Store(&skew)
	c.complain(skew, logger)
}

// complain logs a skew once when it reaches another level.
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
		logger.Error("this machine's clock differs so much from the gateway's that PayerMax will refuse calls with REQ_TIME_OVER_TIME: it accepts two minutes; correct the clock, or see follow_gateway_clock", ahead)
	case protocol.ClockWarning:
		logger.Warn("this machine's clock differs from the gateway's; at two minutes PayerMax refuses calls; check its time synchronisation", ahead)
	default:
		logger.Info("this machine's clock agrees with the gateway's again", ahead)
	}
}

// inherit copies what another clock has measured.
func (c *clock) inherit(from *clock) {
	from.mutex.Lock()
	defer from.mutex.Unlock()
	c.text, c.date, c.samples, c.level = from.text, from.date, slices.Clone(from.samples), from.level
	c.skew.Store(from.skew.Load())
}

// measured returns how far the gateway's clock is ahead of this machine's, if that is
// known.
func (c *clock) measured() (skew time.Duration, ok bool) {
	if stored := c.skew.Load(); stored != nil {
		return *stored, true
	}
	return 0, false
}

// now returns the current time of the gateway's clock, or of this machine's if the skew
// is not known, is noise, or exceeds protocol.ClockLimit.
func (c *clock) now() time.Time {
	now := time.Now()
	skew, ok := c.measured()
	if size := skew.Abs(); !ok || size < clockNoise || size > protocol.ClockLimit {
		return now
	}
	return now.Add(skew)
}

func median(samples []time.Duration) time.Duration {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
