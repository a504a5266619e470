package deploy

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// faultBegins is the minute in which faults begin; by then all windows but the longest have filled.
// faultsEnd is the minute in which the tests check which other alerts fire.
const (
	faultBegins = 35
	faultsEnd   = faultBegins + 30
)

// in returns a fleet that meets the fault.
func (f fault) in(sidecars int, callsAMinute float64) fleet {
	meeting := -1
	return fleet{
		sidecars: sidecars, minutes: faultsEnd, callsAMinute: callsAMinute,
		call: func(minute, _, count int) ended {
			switch {
			case minute < faultBegins || f.call == nil:
				return healthy(count)
			case meeting < 0:
				meeting = count
			}
			if how := f.call(count - meeting); how != succeeded {
				return how
			}
			return healthy(count)
		},
		gauges: func(minute, number int) map[string]float64 {
			if minute < faultBegins || f.sidecars > 0 && number >= f.sidecars {
				return nil
			}
			return f.gauges
		},
	}
}

// healthy is how calls end on a good day: one in twenty asks for an order that does not exist.
func healthy(count int) ended {
	if count%20 == 19 {
		return unheardOf
	}
	return succeeded
}

// expected returns the expectations for the fault: no alert before it begins, its own alert in
// time, and no unexpected alert later.
func (f fault) expected() []expressionTest {
	tests := []expressionTest{firing(faultBegins-1, true)}
	if f.alert == "" {
		for minute := faultBegins; minute <= faultsEnd; minute += 5 {
			tests = append(tests, firing(minute, true))
		}
		return tests
	}
	last := []string{}
	if !f.passes() {
		last = append([]string{f.alert}, f.also...)
	}
	slices.Sort(last)
	return append(tests, firing(faultBegins+f.within, false, f.alert), firing(faultsEnd, true, last...))
}

// passes reports whether the fault ends by itself after some calls.
func (f fault) passes() bool {
	return f.call != nil && f.call(1000) == succeeded && f.call(1001) == succeeded && f.call(1002) == succeeded && f.call(1007) == succeeded ||
		f.gauges["caddy_payermax_log_lines_lost_total"] > 0
}

// With four sidecars, each fault raises its alert in time, and no alert that the table does not
// list.
func TestFaultsRaiseTheirAlerts(t *testing.T) {
	t.Parallel()
	tests := make([]ruleTest, 0, len(faults))
	for _, f := range faults {
		tests = append(tests, f.in(4, 30).test(f.what, f.expected()...))
	}
	runRuleTests(t, tests...)
}

// The same with 200 sidecars that each make a call every five minutes. The time limits are the
// same.
func TestFaultsOfALargeFleetRaiseTheirAlerts(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		if f.spread {
			t.Run(f.what, func(t *testing.T) {
				large := f.in(200, 40)
				large.minutes, large.lean = faultBegins+f.within, true
				runRuleTests(t, large.test(f.what, firing(faultBegins-1, true), firing(large.minutes, false, f.alert)))
			})
		}
	}
}

// Each alert belongs to a fault, either in this table or in the table for Kubernetes.
func TestEachAlertHasAFault(t *testing.T) {
	t.Parallel()
	known := make(map[string]bool)
	for _, f := range faults {
		known[f.alert] = true
		for _, name := range f.also {
			known[name] = true
		}
	}
	for _, s := range kubernetesFaults {
		known[s.alert] = true
	}
	for _, rule := range alerts(t) {
		assert.True(t, known[rule.Alert], "no fault raises %s", rule.Alert)
	}
}
