package example

import (
	"testing"
	"time"
)

func check[T comparable](t *testing.T, want, got T) {
	t.Helper()
	if got != want {
		t.Fatalf("want %v, got %v", want, got)
	}
}

func TestBetween(t *testing.T) {
	check(t, true, Between(2, 1, 3))
	check(t, true, Between(1, 1, 3))
	check(t, false, Between(0, 1, 3))
	check(t, false, Between(3, 1, 3))
}

func TestBound(t *testing.T) {
	check(t, "small", Bound(1))
	check(t, "large", Bound(100))
}

func TestKind(t *testing.T) {
	check(t, "first", Kind(1, 0))
	check(t, "first", Kind(1, 1))
}

func TestWeekday(t *testing.T) {
	check(t, 1, Weekday("Monday"))
	check(t, 2, Weekday("Tuesday"))
}

func TestSum(t *testing.T) { check(t, 6, Sum(3)) }

func TestHalf(t *testing.T) { check(t, time.Second, Half(2*time.Second)) }

func TestCheck(t *testing.T) { _ = Check(true) }

func TestRecord(t *testing.T) {
	var r Recorder
	r.Record("a", "", "b", "end", "c")
	check(t, "b", r.last)
}
