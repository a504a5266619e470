package deploy

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kubeStateMetrics returns the labels of each kube-state-metrics metric, by the metric's name, as
// recorded from its source.
func kubeStateMetrics(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/kube-state-metrics.txt")
	require.NoError(t, err)
	labels := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			labels[words[0]] = words[1:]
		}
	}
	return labels
}

// kube-state-metrics has everything that the rules ask it for: each metric, and each label that is
// used or matched on. The list names no metric that the rules do not use, and the simulated pods
// have the same labels.
func TestKubeStateMetricsHasWhatRulesUse(t *testing.T) {
	t.Parallel()
	known := kubeStateMetrics(t)
	asked := make(map[string]bool)
	for _, e := range expressions(t) {
		for _, selector := range e.selectors() {
			if !strings.HasPrefix(selector.Name, "kube_") {
				continue
			}
			asked[selector.Name] = true
			labels, found := known[selector.Name]
			require.True(t, found, "%s: kube-state-metrics has no %s in the list", e.where, selector.Name)
			for _, label := range e.labelsOf(selector.Name) {
				assert.Contains(t, labels, label, "%s: %s has no such label", e.where, selector.Name)
			}
			// Series of these metrics are grouped by these labels, and matched on them with
			// Prometheus' own series.
			assert.Subset(t, labels, []string{"namespace", "pod"})
		}
	}
	for name := range known {
		assert.True(t, asked[name], "no rule asks for %s", name)
	}
	for series := range podSeries("shop-1", "Running", "1x1") {
		name, _, _ := strings.Cut(series, "{")
		assert.Contains(t, known, name)
	}
}
