package deploy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// provoked is a fault that is brought about at a real process, which is alone in a namespace.
type provoked struct {
	namespace, alert string
	lost             bool // no gateway at all
	fault            func(t *testing.T, o *observed)
}

// faultOf has the gateway meet all calls with a fault.
func faultOf(fault string) func(*testing.T, *observed) {
	return func(t *testing.T, o *observed) { o.fault(t, fault, 10000) }
}

var provocations = []provoked{
	{namespace: "calm", fault: func(*testing.T, *observed) {}},
	{namespace: "withheld", alert: "PayerMaxAnswersUnverified", fault: faultOf("wrong-signature")},
	{namespace: "unknown", alert: "PayerMaxOutcomeUnknown", fault: faultOf("reset")},
	{namespace: "lost", alert: "PayerMaxGatewayUnreachable", lost: true, fault: func(*testing.T, *observed) {}},
	{namespace: "refused", alert: "PayerMaxSignatureRefused", fault: faultOf("code=SIGN_VERIFY_FAILED")},
	{namespace: "merchant", alert: "PayerMaxNoSuccess", fault: faultOf("code=MERCHANT_STATUS_ERROR")},
	{namespace: "key", alert: "PayerMaxKeyDegraded", fault: func(t *testing.T, o *observed) {
		require.NoError(t, os.WriteFile(filepath.Join(o.folder, "merchant.key"), []byte("not a key\n"), 0o600))
	}},
	{namespace: "down", alert: "PayerMaxMostSidecarsDown", fault: func(t *testing.T, o *observed) { o.stop(t, 20*time.Second) }},
}

// The important alerts fire in a real Prometheus that watches real processes, one of which
// has nothing wrong with it and raises none. Each minute of the rules is a second here,
// windows and waiting times alike, and the scrape interval is a second as well; what is
// compared is as it is.
func TestAlertsOfRealProcesses(t *testing.T) {
	t.Parallel()
	program := tool(t, "prometheus")
	folder := t.TempDir()
	running := make([]*observed, len(provocations))
	var targets strings.Builder
	for i, p := range provocations {
		running[i] = observe(t, p.lost)
		fmt.Fprintf(&targets, "      - {targets: [\"127.0.0.1:%s\"], labels: {namespace: %s}}\n", running[i].health, p.namespace)
	}
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [rules.yaml]\n" +
		"scrape_configs:\n  - job_name: payermax\n    static_configs:\n" + targets.String()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "prometheus.yaml"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "rules.yaml"), hurriedRules(t), 0o600))
	address := startPrometheus(t, program, folder, "--query.lookback-delta=5s")

	callWhile(t, running...)
	await(t, time.Minute, "all to be scraped", func() bool {
		return sampleOf(address, `count(rate(caddy_payermax_requests_total{outcome="answered"}[5s]) > 0)`) >= float64(len(provocations)-1)
	})
	begun := time.Now()
	for i, p := range provocations {
		p.fault(t, running[i])
	}
	for _, p := range provocations {
		if p.alert != "" {
			await(t, 90*time.Second, p.alert, func() bool {
				return sampleOf(address, fmt.Sprintf(`count(ALERTS{alertname=%q,namespace=%q,alertstate="firing"})`, p.alert, p.namespace)) == 1
			})
			t.Logf("%s after %s", p.alert, time.Since(begun).Round(time.Second/10))
		}
	}
	// What answers in PayerMax's place is a sandbox, as each of them should report.
	assert.Zero(t, sampleOf(address, `count(count_over_time(ALERTS{namespace="calm",alertname!="PayerMaxSandboxAnswers",alertstate="firing"}[5m]))`),
		"alerts for the one with which nothing is wrong")
}

// callWhile calls the processes until the end of the test.
func callWhile(t *testing.T, running ...*observed) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var callers sync.WaitGroup
	for _, o := range running {
		callers.Go(func() { keepCalling(ctx, o) })
	}
	t.Cleanup(func() {
		cancel()
		callers.Wait()
	})
}

// keepCalling calls five times a second.
func keepCalling(ctx context.Context, o *observed) {
	for ticker := time.NewTicker(200 * time.Millisecond); ctx.Err() == nil; {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url("applyDropinSession"), strings.NewReader(dropinCall))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		if answer, err := o.app.Do(request); err == nil {
			answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			ticker.Stop()
		case <-ticker.C:
		}
	}
}

// minutes and hours are durations in the rules.
var ruleDuration = regexp.MustCompile(`\b(\d+)([mh])\b`)

// hurriedRules are the rules with each minute a second.
func hurriedRules(t *testing.T) []byte {
	t.Helper()
	hurry := func(text string) string {
		return ruleDuration.ReplaceAllStringFunc(text, func(duration string) string {
			parsed, err := time.ParseDuration(duration)
			require.NoError(t, err)
			return (parsed / 60).String()
		})
	}
	rules := alerts(t)
	for i := range rules {
		rules[i].Expr, rules[i].For = hurry(rules[i].Expr), hurry(rules[i].For)
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "all", "rules": rules}}})
	require.NoError(t, err)
	return text
}

// sampleOf returns the value of a query with one sample, or zero without.
func sampleOf(address, query string) float64 {
	var vector struct{ Result []struct{ Value [2]any } }
	if !ask(address, "query?query="+url.QueryEscape(query), &vector) || len(vector.Result) != 1 {
		return 0
	}
	text, _ := vector.Result[0].Value[1].(string)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return value
}
