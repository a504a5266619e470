// Package example has a decision of each kind. Its tests and those of package other cover some.
package example

import (
	"errors"
	"time"
)

var errBroken = errors.New("broken")

// Between is fully covered by tests.
func Between(x, low, high int) bool { return low <= x && x < high }

// Bound is not tested at the bound itself.
func Bound(x int) string {
	if x < 10 {
		return "small"
	}
	return "large"
}

// Kind is covered, except for its second case and its default.
func Kind(x, y int) string {
	switch {
	case x > 0:
		return "first"
	case y > 0 || x < -5:
		return "second"
	}
	return "none"
}

// Weekday is covered for two of three values.
func Weekday(name string) int {
	switch day := name; day {
	case "Monday", "Montag":
		return 1
	case "Tuesday":
		return 2
	}
	return 0
}

// Sum is fully covered by tests.
func Sum(upTo int) int {
	i, sum := 0, 0
	for range upTo {
		i++
		sum += i * 2 / 2
	}
	return sum
}

// Half is like Sum, but uses named types.
func Half(d time.Duration) time.Duration { return -(-d / 2) }

// Check is called, but only the tests of package other check its error.
func Check(broken bool) error {
	if !broken {
		return nil
	}
	return errBroken
}

// Recorder remembers the last value it was given.
type Recorder struct {
	last   string
	closed bool
}

// Record is covered, except for closed.
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
