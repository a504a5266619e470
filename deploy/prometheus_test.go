package deploy

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A real Prometheus with the config and rules of this directory finds the binary's metrics, and
// evaluates every rule.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	program := tool(t, "prometheus")
	o := startObserved(t)
	target := "127.0.0.1:" + o.health
	callWhile(t, o)
	folder := t.TempDir()
	for _, name := range []string{"prometheus.yaml", "rules.yaml"} {
		text, err := os.ReadFile(filepath.Join("prometheus", name))
		require.NoError(t, err)
		// Unchanged, except for the port and for the interval, which is shortened for the test.
		changed := strings.NewReplacer("127.0.0.1:8081", target, "_interval: 15s", "_interval: 1s").Replace(string(text))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(changed), 0o600))
	}
	address := startPrometheus(t, program, folder)
	for _, query := range []string{
		`up{job="payermax"} == 1`,
		`caddy_payermax_answers_total{job="payermax", result="verified"} >= 1`,
	} {
		await(t, time.Minute, query, func() bool {
			var vector struct {
				Result []struct{ Metric map[string]string }
			}
			return ask(address, "query?query="+url.QueryEscape(query), &vector) &&
				len(vector.Result) == 1 && vector.Result[0].Metric["instance"] == target
		})
	}

	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	await(t, time.Minute, "all rules to be evaluated", func() bool {
		if !ask(address, "rules", &rules) {
			return false
		}
		for _, group := range rules.Groups {
			for _, rule := range group.Rules {
				if rule.Health == "unknown" {
					return false
				}
			}
		}
		return true
	})
	evaluated := 0
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			assert.Equal(t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
			assert.NotEqual(t, "firing", rule.State, rule.Name)
			evaluated++
		}
	}
	assert.Len(t, alerts(t), evaluated)
	dashboardHasData(t, address)
}

// withoutData are panels about features that this process does not use. It has no store module.
var withoutData = []string{"Disputed rules", "Store that replicas share"}

// dashboardHasData runs each query of the dashboard. Prometheus asks for OpenMetrics, in which some
// labels are written differently.
func dashboardHasData(t *testing.T, address string) {
	t.Helper()
	for _, panel := range dashboard(t).Panels {
		for _, target := range panel.Targets {
			var vector struct{ Result []any }
			query := strings.Replace(filledIn(target.Expr), "[5m]", "[20s]", -1)
			await(t, time.Minute, "data of "+panel.Title+": "+query, func() bool {
				return ask(address, "query?query="+url.QueryEscape(query), &vector) &&
					(len(vector.Result) > 0 || slices.Contains(withoutData, panel.Title))
			})
		}
	}
}

// callWhile makes five calls a second to the process until the test ends.
func callWhile(t *testing.T, o *observed) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var caller sync.WaitGroup
	caller.Go(func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			if answer, err := o.app.Post(o.url("applyDropinSession"), "application/json", strings.NewReader(dropinCall)); err == nil {
				answer.Body.Close()
			}
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		caller.Wait()
	})
}

// startPrometheus runs Prometheus with the directory's prometheus.yaml, for a few minutes at most.
func startPrometheus(t *testing.T, program, folder string, flags ...string) (address string) {
	t.Helper()
	address = "127.0.0.1:" + freePort(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	flags = append(flags, "--config.file="+filepath.Join(folder, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address)
	start(t, exec.CommandContext(ctx, program, flags...), func() bool { return answers("http://" + address + "/-/ready") })
	return address
}

// ask queries Prometheus' HTTP API and reports whether it answered.
func ask(address, query string, data any) bool {
	status, body := get("http://" + address + "/api/v1/" + query)
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	return status == http.StatusOK && json.Unmarshal([]byte(body), &answer) == nil && answer.Status == "success"
}
