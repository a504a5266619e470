package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// provoked is a fault that the test causes in a real process.
type provoked struct {
	what, alert string
	lost        bool // no gateway at all, from the start
	fault       func(t *testing.T, o *observed)
}

// faultOf makes the gateway answer all calls with a fault.
func faultOf(fault string) func(*testing.T, *observed) {
	return func(t *testing.T, o *observed) { o.fault(t, fault, 10000) }
}

var provocations = []provoked{
	{what: "calm", fault: func(*testing.T, *observed) {}},
	{what: "withheld", alert: "PayerMaxAnswersUnverified", fault: faultOf("wrong-signature")},
	{what: "unknown", alert: "PayerMaxOutcomeUnknown", fault: faultOf("reset")},
	{what: "lost", alert: "PayerMaxGatewayUnreachable", lost: true, fault: func(*testing.T, *observed) {}},
	{what: "refused", alert: "PayerMaxSignatureRefused", fault: faultOf("code=SIGN_VERIFY_FAILED")},
	{what: "merchant", alert: "PayerMaxNoSuccess", fault: faultOf("code=MERCHANT_STATUS_ERROR")},
	{what: "key", alert: "PayerMaxKeyDegraded", fault: func(t *testing.T, o *observed) {
		require.NoError(t, os.WriteFile(filepath.Join(o.folder, "merchant.key"), []byte("not a key\n"), 0o600))
		await(t, time.Minute, "the new key to be refused", func() bool {
			_, metrics := get(o.metrics())
			return regexp.MustCompile(`(?m)^caddy_payermax_key_degraded\{.*\} 1$`).MatchString(metrics)
		})
	}},
	{what: "down", alert: "PayerMaxMostSidecarsDown", fault: func(t *testing.T, o *observed) { o.Terminate(t, time.Minute) }},
}

const (
	provokedAt    = 10 // minutes
	provokedEnd   = 20
	provokedCalls = 3 // a minute
)

// The important alerts fire on the metrics of real processes, and no alert fires on those of a
// healthy process. For the rules, a minute with a few calls passes between two scrapes. No real
// time passes, so a slow machine changes nothing.
func TestAlertsOfRealProcesses(t *testing.T) {
	t.Parallel()
	// A sandbox answers in PayerMax's place, and each process reports that.
	const sandbox = "PayerMaxSandboxAnswers"
	for _, p := range provocations {
		t.Run(p.what, func(t *testing.T) {
			t.Parallel()
			var expected []expressionTest
			for minute := range provokedEnd + 1 {
				switch {
				case p.lost || minute >= provokedAt && p.alert != "":
				case minute < 5: // for as long as the rule waits
					expected = append(expected, firing(minute, true))
				default:
					expected = append(expected, firing(minute, true, sandbox))
				}
			}
			if p.alert != "" {
				expected = append(expected, firing(provokedEnd, false, p.alert))
			}
			runRuleTests(t, ruleTest{Name: p.what, Interval: "1m", InputSeries: p.watched(t).inputs("shop"), Expressions: expected})
		})
	}
}

// watched runs a process until its fault has lasted for a while, and returns what Prometheus would
// have scraped from it.
func (p provoked) watched(t *testing.T) *sidecar {
	t.Helper()
	o := observe(t, p.lost)
	scraped := &sidecar{series: make(map[string][]float64)}
	for minute := range provokedEnd + 1 {
		if minute == provokedAt {
			p.fault(t, o)
		}
		if o.HasEnded() {
			scraped.scrape(minute, map[string]float64{"up": 0})
			continue
		}
		for range provokedCalls {
			post(t, o.app, o.url("applyDropinSession"), dropinCall)
		}
		_, metrics := get(o.metrics())
		scraped.scrape(minute, samples(t, metrics))
	}
	return scraped
}

// watchedSample matches a line of the metrics that the rules use: a series, and its value.
var watchedSample = regexp.MustCompile(`^((?:caddy_payermax|process_start)_\w+(?:\{.*\})?) (\S+)\n$`)

// samples returns the series of metrics, as a successful scrape would. Durations are left out,
// because here they depend on the machine.
func samples(t *testing.T, metrics string) map[string]float64 {
	t.Helper()
	series := map[string]float64{"up": 1}
	for line := range strings.Lines(metrics) {
		sample := watchedSample.FindStringSubmatch(line)
		if sample == nil || strings.Contains(sample[1], "_duration_seconds") {
			continue
		}
		value, err := strconv.ParseFloat(sample[2], 64)
		require.NoError(t, err, line)
		series[sample[1]] = value
	}
	require.Greater(t, len(series), 1, "no metrics: %s", metrics)
	return series
}
