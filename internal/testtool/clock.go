package testtool

import (
	"sync"
	"testing"
	"time"
)

// WithinOneDay waits for midnight in UTC if that could come before the end of the test,
// which must not last longer than takes. So values that are counted by day or month are
// reset before the test, and not in the middle of it.
func WithinOneDay(t testing.TB, takes time.Duration) {
	t.Helper()
	if wait := untilRoom(time.Now(), takes); wait > 0 {
		t.Logf("waits %v for midnight, when budgets are reset", wait.Round(time.Second))
		time.Sleep(wait)
	}
}

// untilRoom returns how long to wait until more than takes is left of the day: 0, or
// until shortly after midnight.
func untilRoom(now time.Time, takes time.Duration) time.Duration {
	const day = 24 * time.Hour
	const shortly = 100 * time.Millisecond // in case the clock is corrected
	left := now.Truncate(day).Add(day).Sub(now)
	if left > takes {
		return 0
	}
	return left + shortly
}

// Standstill measures, until the end of the test, for how long at a time this process is
// not scheduled, because the machine is suspended or busy. The returned function returns
// the longest such time so far. A test with an upper bound for a duration adds it to the
// bound, so that the bound is about the tested code and not about the machine.
func Standstill(t testing.TB) (longest func() time.Duration) {
	t.Helper()
	began := time.Now()
	w := new(watch)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	go func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				w.look(time.Since(began))
			case <-ended:
				return
			}
		}
	}()
	return func() time.Duration { return w.look(time.Since(began)) } // a standstill may have ended only now
}

// lookEvery is the interval at which Standstill checks the time.
const lookEvery = 5 * time.Millisecond

// watch records the longest time between two looks.
type watch struct {
	mutex      sync.Mutex
	last, most time.Duration
}

// look records a look and returns by how much the longest time between two looks has
// exceeded lookEvery.
func (w *watch) look(now time.Duration) time.Duration {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.most = max(w.most, now-w.last-lookEvery)
	w.last = max(w.last, now)
	return w.most
}
