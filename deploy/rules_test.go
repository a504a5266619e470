package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// promtool accepts the rules and the config, and the rules fire when they should.
func TestRulesWithPromtool(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", "rules.yaml"},
		{"check", "config", "prometheus.yaml"},
		{"test", "rules", "rules_test.yaml"},
	} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "prometheus"
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "promtool %v\n%s", args, out)
	}
}

// Each alert states its severity and what to do, and its templates use only labels that its
// expression keeps.
func TestAlertsAreComplete(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, rule := range alerts(t) {
		assert.Regexp(t, `^PayerMax([A-Z][a-z]+)+$`, rule.Alert)
		assert.False(t, seen[rule.Alert], "%s is there twice", rule.Alert)
		seen[rule.Alert] = true
		assert.Contains(t, []string{"page", "ticket"}, rule.Labels["severity"], rule.Alert)
		assert.Len(t, rule.Labels, 1, rule.Alert)
		assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		assert.NotEmpty(t, rule.Annotations["description"], rule.Alert)
		assert.Equal(t, "https://github.com/caddy-payermax/caddy-payermax/blob/main/docs/operations.md#"+strings.ToLower(rule.Alert),
			rule.Annotations["runbook_url"])
		if grouping := regexp.MustCompile(`sum by \(([^)]*)\)`).FindStringSubmatch(rule.Expr); grouping != nil {
			kept := strings.Split(grouping[1], ", ")
			for _, annotation := range rule.Annotations {
				for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(annotation, -1) {
					assert.Contains(t, kept, label[1], rule.Alert)
				}
			}
		}
	}
}

// increase() extrapolates: with a scrape every 15 seconds, two events in ten minutes come out as 2.05.
// A number of events is therefore compared with >=, and the next larger number.
func TestNumbersOfEventsAreNotExtrapolated(t *testing.T) {
	t.Parallel()
	for _, rule := range alerts(t) {
		tree, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		require.NoError(t, err)
		parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
			comparison, ok := node.(*parser.BinaryExpr)
			if !ok || comparison.Op != parser.GTR {
				return nil
			}
			number, ok := comparison.RHS.(*parser.NumberLiteral)
			if ok && number.Val >= 1 {
				assert.NotContains(t, comparison.LHS.String(), "increase(", rule.Alert)
			}
			return nil
		})
	}
}

// Each alert has a test in which it fires, and a similar one in which it does not.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("prometheus/rules_test.yaml")
	require.NoError(t, err)
	var file struct {
		Tests []struct {
			InputSeries []struct{ Series string } `json:"input_series"`
			AlertTests  []struct {
				Alert    string `json:"alertname"`
				Expected []struct {
					Labels map[string]string `json:"exp_labels"`
				} `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	fires, silent := make(map[string]bool), make(map[string]bool)
	for _, test := range file.Tests {
		for _, alertTest := range test.AlertTests {
			if len(alertTest.Expected) == 0 {
				silent[alertTest.Alert] = true
				continue
			}
			fires[alertTest.Alert] = true
			for _, input := range test.InputSeries {
				namespace := regexp.MustCompile(`namespace="(\w+)"`).FindStringSubmatch(input.Series)
				expected := false
				for _, alert := range alertTest.Expected {
					expected = expected || namespace != nil && alert.Labels["namespace"] == namespace[1]
				}
				silent[alertTest.Alert] = silent[alertTest.Alert] || !expected
			}
		}
	}
	for _, rule := range alerts(t) {
		assert.True(t, fires[rule.Alert], "no test has %s fire", rule.Alert)
		assert.True(t, silent[rule.Alert], "no test keeps %s silent", rule.Alert)
	}
}

// The config for Kubernetes scrapes the port that the manifests open, and runs in the namespace
// that their NetworkPolicy lets in.
func TestKubernetesScrapeFitsManifests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("prometheus/kubernetes.yaml")
	require.NoError(t, err)
	var scrape struct {
		ScrapeConfigs []struct {
			JobName        string                  `json:"job_name"`
			MetricsPath    string                  `json:"metrics_path"`
			Discovery      []struct{ Role string } `json:"kubernetes_sd_configs"`
			RelabelConfigs []struct {
				SourceLabels []string `json:"source_labels"`
				Regex        string   `json:"regex"`
				Action       string   `json:"action"`
				TargetLabel  string   `json:"target_label"`
			} `json:"relabel_configs"`
		} `json:"scrape_configs"`
	}
	require.NoError(t, yaml.Unmarshal(text, &scrape))
	require.Len(t, scrape.ScrapeConfigs, 1)
	job := scrape.ScrapeConfigs[0]
	assert.Equal(t, "payermax", job.JobName)
	assert.Equal(t, "pod", job.Discovery[0].Role)
	keep := job.RelabelConfigs[0]
	assert.Equal(t, "keep", keep.Action)
	assert.Equal(t, []string{"__meta_kubernetes_pod_container_port_name"}, keep.SourceLabels)

	for _, folder := range overlays(t) {
		m := render(t, folder)
		template, _ := podOf(m)
		assert.EqualValues(t, healthPort, portNumber(&template.Spec, keep.Regex, 0), folder)
		assert.Contains(t, string(m.yaml), "kubernetes.io/metadata.name: monitoring", folder)
	}
	assert.Contains(t, string(text), "monitoring")
}

// Each alert's runbook_url links to a section of docs/operations.md.
func TestRunbooksAreWritten(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	sections := make(map[string]bool)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		sections[heading[1]] = true
	}
	for _, rule := range alerts(t) {
		assert.True(t, sections[rule.Alert], "docs/operations.md has no section %s", rule.Alert)
	}
}

// With the README's command, the rules tell clusters apart: a cluster that is down is not hidden by
// another one with the same namespace.
func TestRulesByCluster(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^sed .*prometheus/rules\.yaml`).FindString(string(readme))
	require.NotEmpty(t, command)
	changed, err := exec.Command("sh", "-c", command).Output()
	require.NoError(t, err)
	byCluster := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(byCluster, changed, 0o600))
	assert.Empty(t, regexp.MustCompile(`\b(by|on) \((job|namespace)`).FindAllString(string(changed), -1))

	up := func(cluster, instance string) string {
		return `up{job="payermax",namespace="shop",cluster="` + cluster + `",instance="` + instance + `"}`
	}
	clusters := fleet{others: map[string]string{
		up("east", "10.0.0.1:8081"): "1x200", up("east", "10.0.0.2:8081"): "1x200", up("west", "10.0.0.1:8081"): "0x200",
		`caddy_payermax_gateway_codes_total{job="payermax",namespace="shop",cluster="east",code="SIGN_VERIFY_FAILED"}`: "0+1x200",
		`caddy_payermax_gateway_codes_total{job="payermax",namespace="shop",cluster="west",code="APPLY_SUCCESS"}`:      "0+99x200",
	}}
	runRuleTests(t, clusters.test("together", firing(10, true)))
	tests := clusters.test("apart", firing(10, false, "PayerMaxMostSidecarsDown"), firing(10, false, "PayerMaxSignatureRefused"))
	for i, cluster := range []string{"west", "east"} {
		tests.Expressions[i].Expr = strings.Replace(tests.Expressions[i].Expr, "{", `{cluster="`+cluster+`",`, 1)
	}
	runRuleTestsOn(t, byCluster, tests)
}
