package deploy

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kubeStateMetrics are the labels of kube-state-metrics' metrics, by the metric's name,
// as they were written down from its source.
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

// What the rules ask kube-state-metrics for is what it has: each metric, each label that
// is asked for or matched on, and no metric of the list is there for nothing. The pods of
// the simulation have the same.
func TestKubeStateMetricsHasThem(t *testing.T) {
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
			// On these, series are matched with Prometheus' own, and grouped.
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
