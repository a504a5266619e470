package payermax

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// timesIn returns the times of the handlers that sign in a Caddyfile.
func timesIn(t *testing.T, text string) []times {
	t.Helper()
	var all []times
	for _, f := range adapted(t, text).handlers() {
		if f.module != "payermax" {
			continue
		}
		h := new(Handler)
		raw, err := json.Marshal(without(f.config, "handler"))
		require.NoError(t, err)
		require.NoError(t, caddy.StrictUnmarshalJSON(raw, h))
		all = append(all, timesOf(f, h))
	}
	return all
}

// The doctor says what does not fit together, and what to do about it.
func TestTimes(t *testing.T) {
	for name, test := range map[string]struct {
		globals, timeout string
		outcome          doctor.Outcome
		message, next    string // in part
	}{
		"nothing is set":           {"", "", doctor.OK, "up to 30s, and a shutdown waits for it", ""},
		"they fit":                 {"grace_period 25s", "timeout 20s", doctor.OK, "up to 20s, and a shutdown waits for it up to 25s", ""},
		"the default is too long":  {"grace_period 25s", "", doctor.Warning, "after grace_period, 25s, and they may take 30s", "timeout 20s"},
		"as long as grace":         {"grace_period 20s", "timeout 20s", doctor.Warning, "grace_period", "timeout 16s"},
		"longer than write":        {"servers {\ntimeouts {\nwrite 10s\n}\n}", "timeout 20s", doctor.Warning, "the server has 10s", "raise write"},
		"shorter than write":       {"grace_period 25s\nservers {\ntimeouts {\nwrite 60s\n}\n}", "timeout 20s", doctor.OK, "", ""},
		"neither fits":             {"grace_period 5s\nservers {\ntimeouts {\nwrite 10s\n}\n}", "timeout 20s", doctor.Warning, "; the server has", "; raise write"},
		"of another server":        {"servers :9999 {\ntimeouts {\nwrite 1s\n}\n}", "timeout 20s", doctor.OK, "", ""},
		"grace_period of no limit": {"grace_period 0", "timeout 20s", doctor.OK, "a shutdown waits for it", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := timesIn(t, "{\n"+test.globals+"\n}\n:8080 {\npayermax_sign {\napp_id app\nprivate_key private.key\n"+test.timeout+"\n}\n}\n")
			require.Len(t, found, 1)
			result := found[0].check()
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			assert.Contains(t, result.Next, test.next)
			assert.Equal(t, test.outcome == doctor.Warning, result.Next != "")
		})
	}
	assert.Equal(t, 10*time.Second, durationOf("10s"))
	assert.Equal(t, 10*time.Second, durationOf(json.Number("10000000000")))
	assert.Zero(t, durationOf("soon"))
	assert.Zero(t, durationOf(nil))
}

// In each config that is shipped, a shutdown waits for every call, and the server for
// every answer.
func TestTimesOfShippedConfigs(t *testing.T) {
	t.Setenv("PAYERMAX_GATEWAY", "uat")
	var files []string
	for _, pattern := range []string{"Caddyfile.example", "examples/*.caddyfile", "deploy/kubernetes/components/*/Caddyfile"} {
		matching, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, matching)
		files = append(files, matching...)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found := timesIn(t, string(text))
			require.NotEmpty(t, found)
			for _, of := range found {
				assert.Equal(t, doctor.OK, of.check().Outcome, of.check().Message)
				assert.NotZero(t, of.grace, "a shutdown must come to an end")
				assert.NotZero(t, of.write, "a client that reads nothing must not hold its memory for ever")
			}
		})
	}
}
