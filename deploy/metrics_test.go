package deploy

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unprovoked are metrics that the test's calls do not produce. A metric with labels is not exposed
// before it has a first value, not even its HELP line, so these metrics are looked up in the
// module's source.
var unprovoked = map[string]string{
	"caddy_payermax_shadow_signatures_total":       "needs an application that signs for itself",
	"caddy_payermax_limit_refusals_total":          "needs limits",
	"caddy_payermax_store_reachable":               "needs a store that is not in the process",
	"caddy_payermax_store_duration_seconds_bucket": "needs one, too",
	"caddy_payermax_signing_engine_unavailable":    "needs an engine that cannot be used",
	"caddy_payermax_budget_limit":                  "needs a budget",
	"caddy_payermax_budget_remaining":              "needs a budget",
}

// The binary exposes each metric, and each label, that the rules and the dashboard ask for.
func TestMetricsAreExposed(t *testing.T) {
	t.Parallel()
	exposed := scrape(t, startObserved(t).health)
	missing := make(map[string]string)
	for _, e := range expressions(t) {
		for _, selector := range e.selectors() {
			name := selector.Name
			if _, ok := unprovoked[name]; ok || name == "up" || strings.HasPrefix(name, "kube_") { // of Prometheus itself, or of kube-state-metrics
				continue
			}
			series, ok := exposed[name]
			if !ok {
				missing[name] = e.where
				continue
			}
			for _, label := range e.labelsOf(name) {
				assert.Contains(t, series, label, "%s: %s has no such label", e.where, name)
			}
		}
	}
	assert.Empty(t, missing, "metrics that the binary does not expose, and where they are used")
}

// Metrics that no call here produces are at least declared in the source.
func TestUnprovokedMetricsAreDeclared(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	for _, room := range []string{"../keys/*.go", "../limits/*.go", "../stores/*.go"} {
		more, err := filepath.Glob(room)
		require.NoError(t, err)
		files = append(files, more...)
	}
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if !strings.HasSuffix(file, "_test.go") {
			source.Write(text)
		}
	}
	for name := range unprovoked {
		declared := strings.Contains(source.String(), `"`+strings.TrimSuffix(strings.TrimPrefix(name, "caddy_payermax_"), "_bucket")+`"`)
		assert.True(t, declared, "%s is not declared", name)
	}
}

// scrape returns the labels of each metric exposed at the health port, by the metric's name.
func scrape(t *testing.T, healthPort string) map[string][]string {
	t.Helper()
	status, body := get("http://127.0.0.1:" + healthPort + "/metrics")
	require.Equal(t, http.StatusOK, status)
	label := regexp.MustCompile(`(\w+)="`)
	exposed := make(map[string][]string)
	for line := range strings.Lines(body) {
		sample := regexp.MustCompile(`^(\w+)(\{.*\})? `).FindStringSubmatch(line)
		if sample == nil {
			continue
		}
		labels := make(map[string]bool)
		for _, name := range exposed[sample[1]] {
			labels[name] = true
		}
		for _, match := range label.FindAllStringSubmatch(sample[2], -1) {
			labels[match[1]] = true
		}
		exposed[sample[1]] = slices.Collect(maps.Keys(labels))
	}
	return exposed
}
