package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// This file simulates the series of a fleet of sidecars as Prometheus would have scraped them.
// Calls are made one by one, and each increments the counters that the binary would increment.
// There is one sample a minute.

// ended is how one call ended, expressed in the labels of the metrics.
type ended struct {
	outcome, failure string // of requests_total; failure is its label error
	code             string // of gateway_codes_total, "" without an answer
	answer           string // of answers_total, "" without an answer
	seconds, signing float64
	limit            string // of limit_refusals_total
	rule             bool   // a rule was broken
	shadow           string // of shadow_signatures_total
	promoted         bool   // the next key took over
	notification     string // of notifications_total; then there is no call
	unguarded        bool   // the notification was not guarded, because the store was away
	unsettled        bool   // the outcome of the call did not reach the store
}

// How calls end on a good day.
var (
	succeeded = ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", seconds: 0.05}
	unheardOf = ended{outcome: "answered", code: "ORDER_NOT_EXIST", answer: "verified", seconds: 0.05}
)

// sidecar is one sidecar of a fleet, from the minute of its first scrape to that of its last.
type sidecar struct {
	number      int
	first, last int
	counters    map[string]float64   // of the running process, by name and labels
	series      map[string][]float64 // the samples scraped; absent where there is none
}

// absent stands for "no sample".
const absent = -1e9

// fleet describes one promtool test: sidecars, and how their calls end.
type fleet struct {
	sidecars, minutes int
	// callsAMinute is the rate of the whole fleet. Its sidecars take turns.
	callsAMinute float64
	// life returns the first and last minute of a sidecar; if nil, all sidecars live as long as the
	// fleet.
	life func(number int) (first, last int)
	// call returns how a call ends; if nil, it succeeds. count numbers the calls of the whole
	// fleet.
	call func(minute, number, count int) ended
	// restarts reports whether a new process replaces the sidecar's in this minute.
	restarts func(minute, number int) bool
	// gauges returns the gauges of a sidecar that differ from goodDay, by name.
	gauges func(minute, number int) map[string]float64
	// blind reports whether Prometheus scrapes nothing in this minute.
	blind func(minute int) bool
	// lean leaves out the series that no sidecar has counted in: promtool holds ten thousand
	// samples at a time.
	lean bool
	// others are series that do not belong to sidecars.
	others map[string]string
}

// day is the number of seconds of a day. The tests' time starts in 1970, as promtool's does.
const day = 86400

// servedCertificate is the series of the time when the first certificate of a file expires.
const servedCertificate = `caddy_payermax_certificate_expiration_timestamp_seconds{file="/run/secrets/gateway-tls/tls.crt"}`

// goodDay holds the gauges of a healthy sidecar.
var goodDay = map[string]float64{
	"up":                                  1,
	"process_start_time_seconds":          1795000000,
	"caddy_payermax_requests_in_flight":   3,
	"caddy_payermax_max_in_flight":        500,
	"caddy_payermax_clock_skew_seconds":   0.2,
	"caddy_payermax_log_lines_lost_total": 0,
	"caddy_payermax_engine_off":           0,
	"caddy_payermax_sandbox":              0,
	servedCertificate:                     300 * day,
	`caddy_payermax_key_degraded{source="file",fingerprint="old"}`: 0,
}

// fleetEndpoint is the endpoint of all calls.
const fleetEndpoint = "orderAndPay"

// announced are the series that a sidecar exposes from the start, at zero; every other series
// appears when it first counts something. TestFleetBeginsAsTheBinaryDoes checks this list against
// the binary.
var announced = func() []string {
	series := []string{"caddy_payermax_key_promotions_total"}
	for _, ending := range []string{
		"answered ", "unsigned ", "refused http_request_error",
		"not_sent connection_refused", "not_sent connection_timeout", "not_sent dns_error", "not_sent tls_certificate_error",
		"unknown http_response_timeout", "unknown connection_terminated", "unknown http_response_incomplete", "unknown http_protocol_error",
		"unverified http_protocol_error",
	} {
		outcome, failure, _ := strings.Cut(ending, " ")
		series = append(series, requestSeries(outcome, failure))
	}
	for _, code := range []string{"APPLY_SUCCESS", "SIGN_VERIFY_FAILED", "MERCHANT_APP_INVALID", "MERCHANT_INVALID", "ORDER_NOT_EXIST", "TOO_MANY_REQUEST", "SYSTEM_ERROR"} {
		series = append(series, codeSeries(code))
	}
	for _, result := range []string{"verified", "unsigned", "unverified"} {
		series = append(series, answerSeries(result))
	}
	for _, limit := range []string{"endpoint", "amount", "store", "overload", "in_flight"} {
		series = append(series, limitSeries(limit))
	}
	for _, result := range []string{"passed", "not_accepted", "wrong_signature", "other_merchant"} {
		series = append(series, notificationSeries(result))
	}
	return append(series, shadowSeries("disagree"), unguardedSeries, unsettledSeries)
}()

func requestSeries(outcome, failure string) string {
	return fmt.Sprintf("caddy_payermax_requests_total{endpoint=%q,outcome=%q,error=%q}", fleetEndpoint, outcome, failure)
}

func codeSeries(code string) string {
	return fmt.Sprintf("caddy_payermax_gateway_codes_total{endpoint=%q,code=%q}", fleetEndpoint, code)
}

func answerSeries(result string) string {
	return fmt.Sprintf("caddy_payermax_answers_total{result=%q}", result)
}

func limitSeries(limit string) string {
	return fmt.Sprintf("caddy_payermax_limit_refusals_total{limit=%q}", limit)
}

func notificationSeries(result string) string {
	return fmt.Sprintf("caddy_payermax_notifications_total{result=%q}", result)
}

// unguardedSeries counts the notifications that the store did not guard.
const unguardedSeries = "caddy_payermax_notifications_unguarded_total"

// unsettledSeries counts the calls whose outcome did not reach the store.
const unsettledSeries = "caddy_payermax_settlements_lost_total"

func shadowSeries(result string) string {
	return fmt.Sprintf("caddy_payermax_shadow_signatures_total{endpoint=%q,result=%q}", fleetEndpoint, result)
}

// durationBuckets are only those buckets that the alerts use.
var durationBuckets = []float64{0.5, 1, 5, 10, 30}

// counts returns the series that a call increments. Sums of seconds are left out.
func (e ended) counts() []string {
	switch {
	case e.unguarded:
		return []string{notificationSeries(e.notification), unguardedSeries}
	case e.notification != "":
		return []string{notificationSeries(e.notification)}
	}
	series := []string{requestSeries(e.outcome, e.failure)}
	if e.code != "" {
		series = append(series, codeSeries(e.code))
	}
	if e.answer != "" {
		series = append(series, answerSeries(e.answer))
	}
	if e.limit != "" {
		series = append(series, limitSeries(e.limit))
	}
	if e.unsettled {
		series = append(series, unsettledSeries)
	}
	if e.rule {
		series = append(series, fmt.Sprintf("caddy_payermax_violations_total{endpoint=%q,field=\"data.currency\",rule=\"format\",action=\"refused\"}", fleetEndpoint))
	}
	if e.shadow != "" {
		series = append(series, shadowSeries(e.shadow))
	}
	if e.promoted {
		series = append(series, "caddy_payermax_key_promotions_total")
	}
	series = append(series, measured("request", "endpoint", fleetEndpoint, e.seconds)...)
	if e.outcome != "refused" {
		series = append(series, measured("upstream", "endpoint", fleetEndpoint, e.seconds)...)
		series = append(series, measured("sign", "source", "file", e.signing)...)
	}
	return series
}

// measured returns the series of a histogram that one duration increments.
func measured(kind, label, value string, seconds float64) []string {
	name := "caddy_payermax_" + kind + "_duration_seconds"
	series := []string{fmt.Sprintf("%s_count{%s=%q}", name, label, value), fmt.Sprintf("%s_bucket{%s=%q,le=\"+Inf\"}", name, label, value)}
	for _, bound := range durationBuckets {
		if seconds <= bound {
			series = append(series, fmt.Sprintf("%s_bucket{%s=%q,le=%q}", name, label, value, strconv.FormatFloat(bound, 'g', -1, 64)))
		}
	}
	return series
}

// run simulates the fleet and returns the sidecars with their series.
func (f fleet) run() []*sidecar {
	sidecars := make([]*sidecar, f.sidecars)
	for number := range sidecars {
		s := &sidecar{number: number, last: f.minutes, series: make(map[string][]float64)}
		if f.life != nil {
			s.first, s.last = f.life(number)
		}
		s.begin()
		sidecars[number] = s
	}
	due, count := 0.0, 0
	for minute := range f.minutes + 1 {
		var alive []*sidecar
		for _, s := range sidecars {
			if s.first <= minute && minute <= s.last {
				alive = append(alive, s)
			}
			if f.restarts != nil && f.restarts(minute, s.number) {
				s.begin()
			}
		}
		for due += f.callsAMinute; due >= 1; due-- {
			if len(alive) > 0 {
				s := alive[count%len(alive)]
				s.count(f.ending(minute, s.number, count))
			}
			count++
		}
		if f.blind != nil && f.blind(minute) {
			continue
		}
		for _, s := range alive {
			s.scrape(minute, f.look(minute, s.number))
		}
	}
	return sidecars
}

// ending returns how a call ends.
func (f fleet) ending(minute, number, count int) ended {
	if f.call == nil {
		return succeeded
	}
	return f.call(minute, number, count)
}

// look returns the gauges of a sidecar in a minute.
func (f fleet) look(minute, number int) map[string]float64 {
	gauges := maps.Clone(goodDay)
	if f.gauges != nil {
		maps.Copy(gauges, f.gauges(minute, number))
	}
	return gauges
}

// begin sets the counters to those of a new process.
func (s *sidecar) begin() {
	s.counters = make(map[string]float64)
	for _, series := range announced {
		s.counters[series] = 0
	}
}

// count counts a call.
func (s *sidecar) count(how ended) {
	for _, series := range how.counts() {
		s.counters[series]++ // a series that was absent starts at one
	}
}

// scrape records what Prometheus finds in one minute. For a sidecar that is down, that is only up.
func (s *sidecar) scrape(minute int, gauges map[string]float64) {
	s.set("up", minute, gauges["up"])
	if gauges["up"] == 0 {
		return
	}
	for series, value := range gauges {
		s.set(series, minute, value)
	}
	for series, value := range s.counters {
		s.set(series, minute, value)
	}
}

// set records the value of a series in one minute. Minutes without a value stay absent.
func (s *sidecar) set(series string, minute int, value float64) {
	for len(s.series[series]) <= minute {
		s.series[series] = append(s.series[series], absent)
	}
	s.series[series][minute] = value
}

// inputs returns the series in promtool's format, with the namespace.
func (s *sidecar) inputs(namespace string) []inputSeries {
	target := fmt.Sprintf(`job="payermax",namespace=%q,pod="shop-%d",instance="10.0.%d.%d:8081"`, namespace, s.number, s.number/250, s.number%250)
	inputs := make([]inputSeries, 0, len(s.series))
	for _, series := range slices.Sorted(maps.Keys(s.series)) {
		name, labels, labelled := strings.Cut(series, "{")
		if labelled {
			labels = "," + strings.TrimSuffix(labels, "}")
		}
		inputs = append(inputs, inputSeries{name + "{" + target + labels + "}", notation(append(s.series[series], absent))})
	}
	return inputs
}

// notation writes samples in promtool's notation: values, and how often each is repeated.
func notation(samples []float64) string {
	var words []string
	for i := 0; i < len(samples); {
		same := i
		for same < len(samples) && samples[same] == samples[i] {
			same++
		}
		value := strconv.FormatFloat(samples[i], 'f', -1, 64)
		switch {
		case samples[i] == absent && i > 0: // Prometheus marks the series as stale
			words = append(words, "stale")
			if more := same - i - 1; more > 0 {
				words = append(words, fmt.Sprintf("_x%d", more))
			}
		case samples[i] == absent:
			words = append(words, fmt.Sprintf("_x%d", same-i))
		default:
			words = append(words, fmt.Sprintf("%sx%d", value, same-i-1)) // the first value and so many more
		}
		i = same
	}
	return strings.Join(words, " ")
}
