package testtool

import (
	"sync"
	"testing"
	"time"
)

// WithinOneDay waits for the next day of UTC to begin, if the present one could end before
// the test does, which takes so long at most. What is counted by days or months then
// begins anew before the test, and not in the middle of it.
func WithinOneDay(t testing.TB, takes time.Duration) {
	t.Helper()
	if wait := untilRoom(time.Now(), takes); wait > 0 {
		t.Logf("waits %v for midnight, when budgets are reset", wait.Round(time.Second))
		time.Sleep(wait)
	}
}

// untilRoom is how long to wait until the day has so much left: not at all, or until
// shortly after the next one has begun.
func untilRoom(now time.Time, takes time.Duration) time.Duration {
	const day = 24 * time.Hour
	const shortly = 100 * time.Millisecond // for clocks that are corrected
	left := now.Truncate(day).Add(day).Sub(now)
	if left > takes {
		return 0
	}
	return left + shortly
}

// Standstill watches, until the end of the test, for how long at a time this process does
// not run although it would, since the machine stands still or has other things to do. The
// function that it returns says what was the longest so far. A test that bounds how long
// something takes allows that much more: the bound is of what is tested, and not of the
// machine.
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
	return func() time.Duration { return w.look(time.Since(began)) } // for it may be over only now
}

// lookEvery is how often a process that runs looks at its watch.
const lookEvery = 5 * time.Millisecond

// watch is what is looked at again and again, and knows the longest time between.
type watch struct {
	mutex      sync.Mutex
	last, most time.Duration
}

// look returns by how much the longest time between two looks is longer than it should be.
func (w *watch) look(now time.Duration) time.Duration {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.most = max(w.most, now-w.last-lookEvery)
	w.last = max(w.last, now)
	return w.most
}
