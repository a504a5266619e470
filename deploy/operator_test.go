package deploy

import (
	"bytes"
	"flag"
	"os"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the files that are generated")

// generated compares a file with the text it is generated from, or writes it if -update is set.
func generated(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, text, 0o644))
	}
	stands, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(text, stands), "%s is out of date; write it by go test . -run %s -update", file, t.Name())
}

const operatorFolder = "kubernetes/components/prometheus-operator/"

// The operator's PrometheusRule is generated from rules.yaml, with the text indented two levels
// deeper.
func TestPrometheusRuleIsGenerated(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("prometheus/rules.yaml")
	require.NoError(t, err)
	_, groups, found := bytes.Cut(rules, []byte("\ngroups:\n"))
	require.True(t, found)
	text := []byte("# Generated from deploy/prometheus/rules.yaml, which explains it, by\n" +
		"# go test . -run TestPrometheusRuleIsGenerated -update\n" +
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: payermax\n  labels:\n" +
		"    app.kubernetes.io/name: caddy-payermax\n    app.kubernetes.io/component: monitoring\n    app.kubernetes.io/part-of: payermax\nspec:\n  groups:\n")
	for line := range bytes.Lines(groups) {
		if len(bytes.TrimSpace(line)) > 0 {
			text = append(text, "  "...)
		}
		text = append(text, line...)
	}
	generated(t, operatorFolder+"prometheusrule.yaml", text)
}

// A consumer's kustomization with the component renders to objects of which the operator knows
// every field, with the rules and the dashboard of this directory.
func TestOperatorObjects(t *testing.T) {
	t.Parallel()
	objects := renderConsumer(t, ownWorkloads()["Deployment"], "prometheus-operator")

	var rule monitoringv1.PrometheusRule
	decodeStrictly(t, objects["PrometheusRule"], &rule)
	var theirs []alert
	for _, group := range rule.Spec.Groups {
		for _, r := range group.Rules {
			a := alert{Alert: r.Alert, Expr: r.Expr.String(), Labels: r.Labels, Annotations: r.Annotations}
			if r.For != nil {
				a.For = string(*r.For)
			}
			theirs = append(theirs, a)
		}
	}
	assert.Equal(t, alerts(t), theirs)

	for _, kind := range []string{"PodMonitor", "PrometheusRule", "ConfigMap"} {
		labels := make(map[string]string)
		for name, value := range objects[kind]["metadata"].(map[string]any)["labels"].(map[string]any) {
			labels[name] = value.(string)
		}
		assert.NoError(t, checkRecommended(kind, labels))
	}

	board, err := os.ReadFile("grafana/dashboard.json")
	require.NoError(t, err)
	config := objects["ConfigMap"]
	assert.Equal(t, "payermax-dashboard", config["metadata"].(map[string]any)["name"])
	assert.Equal(t, "1", config["metadata"].(map[string]any)["labels"].(map[string]any)["grafana_dashboard"])
	assert.Equal(t, map[string]any{"payermax.json": string(board)}, config["data"])
}

// The PodMonitor selects the pods that have a sidecar, scrapes the port that the sidecar has, and
// keeps the labels that the alerts use. The operator adds labels of its own before the monitor's
// relabelings run: namespace, container, pod, job and endpoint, as generatePodMonitorConfig does in
// pkg/prometheus/promcfg.go of github.com/prometheus-operator/prometheus-operator, 6adcebc5076c of
// 8 August 2026.
func TestPodMonitorLeavesTheLabels(t *testing.T) {
	t.Parallel()
	objects := renderConsumer(t, ownWorkloads()["Deployment"], "sidecar", "payermax", "prometheus-operator")
	var monitor monitoringv1.PodMonitor
	decodeStrictly(t, objects["PodMonitor"], &monitor)
	template := templateOf(objects["Deployment"])
	for name, value := range monitor.Spec.Selector.MatchLabels {
		assert.Equal(t, value, template["metadata"].(map[string]any)["labels"].(map[string]any)[name])
	}
	require.Len(t, monitor.Spec.PodMetricsEndpoints, 1)
	endpoint := monitor.Spec.PodMetricsEndpoints[0]
	port := named(template, "initContainers")["payermax"]["ports"].([]any)[0].(map[string]any)
	assert.Equal(t, port["name"], *endpoint.Port)

	target := labels.FromStrings("namespace", "shop", "pod", "shop-1", "container", "payermax", "job", "shop/payermax", "endpoint", *endpoint.Port)
	var configs []*relabel.Config
	for _, r := range endpoint.RelabelConfigs {
		config := relabel.DefaultRelabelConfig
		config.NameValidationScheme = model.UTF8Validation
		config.TargetLabel = r.TargetLabel
		if r.Action != "" {
			config.Action = relabel.Action(r.Action)
		}
		if r.Replacement != nil {
			config.Replacement = *r.Replacement
		}
		if r.Regex != "" {
			config.Regex = relabel.MustNewRegexp(r.Regex)
		}
		configs = append(configs, &config)
	}
	kept := labels.NewBuilder(target)
	require.True(t, relabel.ProcessBuilder(kept, configs...))
	assert.Equal(t, labels.FromStrings("namespace", "shop", "pod", "shop-1", "container", "payermax", "job", "payermax"), kept.Labels())
}

// decodeStrictly decodes an object like an API server that refuses unknown fields.
func decodeStrictly(t *testing.T, object map[string]any, into any) {
	t.Helper()
	text, err := yaml.Marshal(object)
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, into))
}
