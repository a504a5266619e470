package deploy

import (
	"maps"
	"testing"
)

// quiet is something that happens every week and must not raise an alert.
type quiet struct {
	what  string
	fleet fleet
}

// quietMinutes is how long the alerts are watched.
const quietMinutes = 60

// rollout replaces the sidecars one after another: sidecar n gives way to sidecar n + half.
func rollout(half int) func(int) (int, int) {
	return func(number int) (int, int) {
		at := 30 + 10*(number%half)/half // within ten minutes
		if number < half {
			return 0, at
		}
		return at, quietMinutes
	}
}

// declined is a payment that the buyer's bank declines.
var declined = refusal("PAYMENT_FAILED")

var quietThings = []quiet{
	{what: "a rollout of four", fleet: fleet{sidecars: 8, callsAMinute: 30, life: rollout(4)}},
	{what: "scaling from two to twenty and back", fleet: fleet{sidecars: 20, callsAMinute: 60, life: func(number int) (int, int) {
		if number < 2 {
			return 0, quietMinutes
		}
		return 20 + number/4, 40 - number/4
	}}},
	{what: "new pods wait for their images for four minutes", fleet: fleet{sidecars: 2, callsAMinute: 30,
		others: merged(podsOf(2, "Running", "1x200"), merged(
			podSeries("shop-8", "Pending", "_x30 0x4 1x100"), podSeries("shop-9", "Pending", "_x30 0x4 1x100")))}},
	{what: "scaling from two to ten, whose images take five minutes", fleet: fleet{sidecars: 10, callsAMinute: 60,
		life: func(number int) (int, int) {
			if number < 2 {
				return 0, quietMinutes
			}
			return 30, quietMinutes
		},
		gauges: func(minute, number int) map[string]float64 {
			if number >= 2 && minute < 35 { // it is a target as soon as its pod has an address
				return map[string]float64{"up": 0}
			}
			return nil
		},
		others: func() map[string]string {
			pods := podsOf(10, "Pending", "_x29 0x5 1x100")
			maps.Copy(pods, podsOf(2, "Running", "1x200"))
			return pods
		}()}},
	{what: "four are replaced at once by four whose images take nine minutes", fleet: fleet{sidecars: 8, callsAMinute: 30,
		life: func(number int) (int, int) {
			if number < 4 {
				return 0, 39
			}
			return 30, quietMinutes
		},
		gauges: func(minute, number int) map[string]float64 {
			if number >= 4 && minute < 39 {
				return map[string]float64{"up": 0}
			}
			return nil
		}}},
	{what: "everything is scaled to zero for the night", fleet: fleet{sidecars: 2, callsAMinute: 30,
		life:   func(int) (int, int) { return 0, 30 },
		others: map[string]string{`kube_pod_info{namespace="books",pod="books-1"}`: "1x200"}}},
	{what: "a Job completes", fleet: fleet{sidecars: 1, callsAMinute: 30, life: func(int) (int, int) { return 25, 35 },
		others: merged(map[string]string{`up{job="payermax",namespace="books",pod="books-1",instance="10.0.9.9:8081"}`: "1x200"},
			podSeries("shop-0", "Succeeded", "_x36 0x100"))}},
	{what: "the only workload with a sidecar is a CronJob, and its finished pods are still listed between runs", fleet: fleet{
		sidecars: 1, callsAMinute: 30, life: func(int) (int, int) { return 25, 27 },
		others: merged(podSeries("shop-0", "Succeeded", "_x28 0x100"), podSeries("shop-1", "Failed", "0x200"))}},
	{what: "a short Job is scraped only once, before its sidecar listens", fleet: fleet{
		sidecars: 1, life: func(int) (int, int) { return 30, 30 },
		gauges: func(int, int) map[string]float64 { return map[string]float64{"up": 0} },
		others: map[string]string{`up{job="payermax",namespace="books",pod="books-1",instance="10.0.9.9:8081"}`: "1x200"}}},
	{what: "a node is lost with one sidecar of two", fleet: fleet{sidecars: 3, callsAMinute: 30, life: func(number int) (int, int) {
		return []int{0, 0, 36}[number], []int{40, quietMinutes, quietMinutes}[number]
	}, gauges: func(minute, number int) map[string]float64 {
		if number == 0 && minute >= 30 { // its pod stays a target until the node is given up
			return map[string]float64{"up": 0}
		}
		return nil
	}}},
	{what: "a quiet night with a call every ten minutes, some of them declined", fleet: fleet{sidecars: 4, callsAMinute: 0.1,
		call: func(_, _, count int) ended {
			if count%2 == 0 {
				return declined
			}
			return unheardOf
		}}},
	{what: "a night in which a job queries orders that do not exist", fleet: fleet{sidecars: 4, callsAMinute: 2,
		call: func(int, int, int) ended { return unheardOf }}},
	{what: "a quiet night with one slow call", fleet: fleet{sidecars: 4, callsAMinute: 0.5,
		call: func(minute, _, _ int) ended {
			if minute == 30 {
				return ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", seconds: 12}
			}
			return succeeded
		}}},
	{what: "nobody makes a call", fleet: fleet{sidecars: 4}},
	{what: "four payments in ten are declined", fleet: fleet{sidecars: 4, callsAMinute: 30,
		call: func(_, _, count int) ended {
			if count%10 < 4 {
				return declined
			}
			return succeeded
		}}},
	{what: "two calls time out in an hour", fleet: fleet{sidecars: 4, callsAMinute: 30,
		call: func(_, _, count int) ended {
			if count == 800 || count == 810 {
				return unknown("http_response_timeout", 20)
			}
			return succeeded
		}}},
	{what: "every sidecar switches to the next key", fleet: fleet{sidecars: 20, callsAMinute: 30,
		call: func(_, _, count int) ended {
			if count >= 900 && count < 920 {
				return ended{outcome: "answered", code: "SIGN_VERIFY_FAILED", answer: "verified", seconds: 0.05, promoted: true}
			}
			return succeeded
		}}},
	{what: "one process is killed once because it ran out of memory", fleet: fleet{sidecars: 4, callsAMinute: 30,
		restarts: func(minute, number int) bool { return number == 0 && minute == 31 },
		gauges: func(minute, number int) map[string]float64 {
			switch {
			case number > 0 || minute < 30:
				return nil
			case minute == 30:
				return map[string]float64{"up": 0}
			}
			return map[string]float64{"process_start_time_seconds": 1795100000}
		}}},
	{what: "every process is restarted, twice", fleet: fleet{sidecars: 4, callsAMinute: 30,
		restarts: func(minute, _ int) bool { return minute == 30 || minute == 45 },
		gauges: func(minute, _ int) map[string]float64 {
			return map[string]float64{"process_start_time_seconds": float64(1795100000 + 900*(minute/15))}
		}}},
	{what: "Prometheus scrapes nothing for five minutes", fleet: fleet{sidecars: 4, callsAMinute: 30, blind: func(minute int) bool {
		return minute >= 30 && minute < 35
	}}},
	{what: "PayerMax throttles a few calls", fleet: fleet{sidecars: 4, callsAMinute: 30,
		call: func(_, _, count int) ended {
			if count%250 == 0 {
				return refusal("TOO_MANY_REQUEST")
			}
			return succeeded
		}}},
}

// Ordinary events raise no alert in any minute of an hour.
func TestOrdinaryEventsRaiseNoAlert(t *testing.T) {
	t.Parallel()
	tests := make([]ruleTest, 0, len(quietThings))
	for _, q := range quietThings {
		tests = append(tests, q.fleet.quietly(q.what))
	}
	runRuleTests(t, tests...)
}

// A rollout of two hundred sidecars with little traffic each raises no alert either, although one
// in twenty is on a node that is lost.
func TestRolloutOfALargeFleetRaisesNothing(t *testing.T) {
	t.Parallel()
	f := fleet{sidecars: 400, callsAMinute: 40, life: rollout(200), lean: true,
		call: func(_, _, count int) ended { return healthy(count) },
		gauges: func(minute, number int) map[string]float64 {
			if number < 200 && number%20 == 0 && minute >= 25 {
				return map[string]float64{"up": 0}
			}
			return nil
		}}
	runRuleTests(t, f.quietly("a rollout of two hundred"))
}

// quietly expects no alert in any minute.
func (f fleet) quietly(name string) ruleTest {
	f.minutes = quietMinutes
	var expected []expressionTest
	for minute := range quietMinutes + 1 {
		expected = append(expected, firing(minute, true))
	}
	return f.test(name, expected...)
}
