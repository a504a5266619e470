package remote

import (
	"sync"
	"time"
)

// breaker is a circuit breaker. It keeps requests from queueing up behind a key that does
// not answer. It is closed (everything passes) until a number of consecutive failures
// opens it (nothing passes). After a cooldown, it lets exactly one probe through, and the
// probe's outcome closes it or opens it again.
type breaker struct {
	limit    int
	cooldown time.Duration

	mu       sync.Mutex
	failures int       // consecutive failures; the breaker is open from limit on
	until    time.Time // when the next probe is due, while the breaker is open
	probing  bool
	epoch    int // counts the openings and closings
}

// ticket is the permission to make one signature.
type ticket struct {
	epoch int
	probe bool
}

// outcome is what an attempt to sign says about the key.
type outcome int

const (
	succeeded outcome = iota
	failed
	inconclusive // the request was cancelled, or other requests were in the way
)

// admit returns a ticket for one signature. If ok is false, there is none, and wait is
// how long to wait before asking again, or 0 if a probe is under way.
func (b *breaker) admit() (t ticket, wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if b.failures < b.limit {
		return ticket{epoch: b.epoch}, 0, true
	}
	if wait := time.Until(b.until); wait > 0 {
		return ticket{}, wait, false
	}
	if b.probing {
		return ticket{}, 0, false
	}
	b.probing = true
	return ticket{epoch: b.epoch, probe: true}, 0, true
}

// settle returns a ticket with its outcome. If the attempt began before the breaker last
// opened or closed, its outcome says nothing about the current state of the key, and is
// ignored: it must not reopen a breaker that a later probe has closed.
func (b *breaker) settle(t ticket, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if t.epoch != b.epoch {
		return
	}
	if t.probe {
		b.probing = false
	}
	switch o {
	case succeeded:
		b.failures = 0
		if t.probe {
			b.epoch++
		}
	case failed:
		if !t.probe {
			b.failures++
		}
		if b.failures >= b.limit {
			b.until = time.Now().Add(b.cooldown)
			b.epoch++
		}
	case inconclusive:
	}
}
