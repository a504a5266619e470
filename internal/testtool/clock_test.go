package testtool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Only a test during which midnight in UTC could come waits for it.
func TestWithinOneDay(t *testing.T) {
	for at, waits := range map[string]time.Duration{
		"2026-11-29T12:00:00Z":           0,
		"2026-11-29T23:57:59Z":           0,
		"2026-11-29T23:58:00Z":           2 * time.Minute,
		"2026-11-30T23:59:59.999Z":       time.Millisecond, // end of a month
		"2028-02-29T23:59:00Z":           time.Minute,
		"2026-12-31T23:59:00Z":           time.Minute,
		"2026-11-30T05:29:59+05:30":      time.Second,
		"2026-11-30T00:00:00Z":           0,
		"2026-11-29T23:00:00-01:00":      0,
		"2026-11-29T22:59:00.5-01:00":    59500 * time.Millisecond,
		"2026-11-29T23:59:59.999999999Z": time.Nanosecond,
	} {
		now, err := time.Parse(time.RFC3339, at)
		assert.NoError(t, err)
		wait := untilRoom(now, 2*time.Minute)
		if waits == 0 {
			assert.Zero(t, wait, at)
			continue
		}
		assert.Equal(t, waits+100*time.Millisecond, wait, at)
		assert.Zero(t, untilRoom(now.Add(wait), 2*time.Minute), at)
	}
	synctest.Test(t, func(t *testing.T) { // fake time begins at midnight
		began := time.Now()
		WithinOneDay(t, time.Minute)
		assert.Zero(t, time.Since(began))
		time.Sleep(24*time.Hour - time.Second)
		WithinOneDay(t, time.Minute)
		assert.Equal(t, 24*time.Hour+100*time.Millisecond, time.Since(began))
	})
}

// Standstill returns the longest time for which the machine stood still.
func TestStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longest := Standstill(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Zero(t, longest(), "time that passes is none")
	})
	w := new(watch)
	for _, look := range []struct{ at, most time.Duration }{
		{5 * time.Millisecond, 0}, {10 * time.Millisecond, 0}, {2015 * time.Millisecond, 2 * time.Second}, {2020 * time.Millisecond, 2 * time.Second},
		{3025 * time.Millisecond, 2 * time.Second}, {3020 * time.Millisecond, 2 * time.Second}, // by another goroutine
	} {
		assert.Equal(t, look.most, w.look(look.at), look.at)
	}
}
