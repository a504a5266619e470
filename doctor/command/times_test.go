package command

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// The doctor reports timeouts that do not fit together, and what to do about it.
func TestTimes(t *testing.T) {
	for name, test := range map[string]struct {
		globals       string
		call          time.Duration
		outcome       doctor.Outcome
		message, next string // substrings
	}{
		"nothing is set":           {"", 30 * time.Second, doctor.OK, "up to 30s, and a shutdown waits for it", ""},
		"they fit":                 {"grace_period 25s", 20 * time.Second, doctor.OK, "up to 20s, and a shutdown waits for it up to 25s", ""},
		"the default is too long":  {"grace_period 25s", 30 * time.Second, doctor.Warning, "after grace_period, 25s, but a call may take 30s", "timeout 20s"},
		"as long as grace":         {"grace_period 20s", 20 * time.Second, doctor.Warning, "grace_period", "timeout 16s"},
		"longer than write":        {"servers {\ntimeouts {\nwrite 10s\n}\n}", 20 * time.Second, doctor.Warning, "the server has 10s", "raise write"},
		"shorter than write":       {"grace_period 25s\nservers {\ntimeouts {\nwrite 60s\n}\n}", 20 * time.Second, doctor.OK, "", ""},
		"neither fits":             {"grace_period 5s\nservers {\ntimeouts {\nwrite 10s\n}\n}", 20 * time.Second, doctor.Warning, "; the server has", "; raise write"},
		"of another server":        {"servers :9999 {\ntimeouts {\nwrite 1s\n}\n}", 20 * time.Second, doctor.OK, "", ""},
		"grace_period of no limit": {"grace_period 0", 20 * time.Second, doctor.OK, "a shutdown waits for it", ""},
	} {
		t.Run(name, func(t *testing.T) {
			handlers := adapted(t, "{\n"+test.globals+"\n}\n:8080 {\n"+signing+"}\n").handlers()
			require.Len(t, handlers, 1)
			result := handlers[0].times(test.call).check()
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			assert.Contains(t, result.Next, test.next)
			assert.Equal(t, test.outcome == doctor.Warning, result.Next != "")
		})
	}
}

// A process that is killed before its shutdown is over loses calls, and only its
// supervisor knows when it is killed.
func TestTermination(t *testing.T) {
	for name, test := range map[string]struct {
		globals string
		granted time.Duration
		outcome doctor.Outcome // "" means no result
		message string
	}{
		"not known":        {"grace_period 25s", 0, doctor.OK, ""},
		"time enough":      {"shutdown_delay 5s\ngrace_period 25s", 32 * time.Second, doctor.OK, "takes up to 31s"},
		"not quite enough": {"shutdown_delay 5s\ngrace_period 25s", 31 * time.Second, doctor.Warning, "takes up to 31s, but the sidecar is killed after 31s"},
		"no grace_period":  {"shutdown_delay 5s", 25 * time.Second, doctor.Warning, "takes up to 26s"},
		"Kubernetes's own": {"shutdown_delay 30s\ngrace_period 25s", 30 * time.Second, doctor.Warning, "takes up to 56s"},
	} {
		t.Run(name, func(t *testing.T) {
			handlers := adapted(t, "{\n"+test.globals+"\n}\n:8080 {\n"+signing+"}\n").handlers()
			require.Len(t, handlers, 1)
			results := handlers[0].times(20 * time.Second).checkTermination(test.granted)
			if test.granted == 0 {
				assert.Empty(t, results)
				return
			}
			require.Len(t, results, 1)
			assert.Equal(t, test.outcome, results[0].Outcome)
			assert.Contains(t, results[0].Message, test.message)
			assert.Equal(t, test.outcome == doctor.Warning, results[0].Next != "")
		})
	}
	for value, want := range map[string]time.Duration{"": 0, "60": time.Minute, "60s": time.Minute, "1m30s": 90 * time.Second, "1d": 24 * time.Hour} {
		got, err := termination(value, func(string) string { return "" })
		assert.NoError(t, err, value)
		assert.Equal(t, want, got, value)
		got, err = termination("", func(string) string { return value })
		assert.NoError(t, err, value)
		assert.Equal(t, want, got, value)
	}
	_, err := termination("soon", nil)
	assert.EqualError(t, err, `--termination-grace-period is "soon", but must be a duration such as 60s or a number of seconds`)
	_, err = termination("", func(name string) string { return name })
	assert.ErrorContains(t, err, "PAYERMAX_TERMINATION_GRACE_PERIOD is ")
}

func TestDurationOf(t *testing.T) {
	assert.Equal(t, 10*time.Second, durationOf("10s"))
	assert.Equal(t, 10*time.Second, durationOf(json.Number("10000000000")))
	assert.Zero(t, durationOf("soon"))
	assert.Zero(t, durationOf(nil))
}
