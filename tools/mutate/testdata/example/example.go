// Package example has a decision of each kind. Its tests and those of other hold some.
package example

import (
	"errors"
	"time"
)

var errBroken = errors.New("broken")

// Between is held in full.
func Between(x, low, high int) bool { return low <= x && x < high }

// Bound is not tried at the bound itself.
func Bound(x int) string {
	if x < 10 {
		return "small"
	}
	return "large"
}

// Kind is held but for the second case, and for what is neither.
func Kind(x, y int) string {
	switch {
	case x > 0:
		return "first"
	case y > 0 || x < -5:
		return "second"
	}
	return "none"
}

// Weekday is held for two of three values.
func Weekday(name string) int {
	switch day := name; day {
	case "Monday", "Montag":
		return 1
	case "Tuesday":
		return 2
	}
	return 0
}

// Sum is held in full.
func Sum(upTo int) int {
	i, sum := 0, 0
	for range upTo {
		i++
		sum += i * 2 / 2
	}
	return sum
}

// Half is Sum's neighbour with types of its own.
func Half(d time.Duration) time.Duration { return -(-d / 2) }

// Check is called, and its error is looked at by the tests of other alone.
func Check(broken bool) error {
	if !broken {
		return nil
	}
	return errBroken
}

// Recorder remembers what it was told.
type Recorder struct {
	last   string
	closed bool
}

// Record is held but for closed.
func (r *Recorder) Record(values ...string) {
	defer r.close()
	for _, value := range values {
		if value == "" {
			continue
		}
		if value == "end" {
			break
		}
		r.last = value
	}
}

func (r *Recorder) close() { r.closed = true }

// Forgotten is reached by no test.
func Forgotten(x int) bool { return x == 1 }
