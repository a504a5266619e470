package deploy

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// inputSeries is a series of a promtool test.
type inputSeries struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

// ruleTests is a promtool test file.
type ruleTests struct {
	RuleFiles          []string   `json:"rule_files"`
	EvaluationInterval string     `json:"evaluation_interval"`
	Tests              []ruleTest `json:"tests"`
}

type ruleTest struct {
	Name        string           `json:"name"`
	Interval    string           `json:"interval"`
	InputSeries []inputSeries    `json:"input_series"`
	Expressions []expressionTest `json:"promql_expr_test"`
}

type expressionTest struct {
	Expr     string           `json:"expr"`
	EvalTime string           `json:"eval_time"`
	Samples  []expectedSample `json:"exp_samples"`
}

type expectedSample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

// firing expects these alerts to fire at the minute, and, if only is true, no others.
func firing(minute int, only bool, names ...string) expressionTest {
	selected := ""
	if !only {
		selected = fmt.Sprintf(`,alertname=%q`, names[0])
	}
	test := expressionTest{
		Expr:     `group by (alertname) (ALERTS{alertstate="firing"` + selected + `})`,
		EvalTime: fmt.Sprintf("%dm", minute),
	}
	for _, name := range names {
		test.Samples = append(test.Samples, expectedSample{fmt.Sprintf(`{alertname=%q}`, name), 1})
	}
	return test
}

// test turns the fleet's series into a promtool test.
func (f fleet) test(name string, expected ...expressionTest) ruleTest {
	test := ruleTest{Name: name, Interval: "1m", Expressions: expected}
	for _, s := range f.run() {
		if f.lean {
			maps.DeleteFunc(s.series, func(series string, samples []float64) bool {
				return slices.Contains(announced, series) && slices.Max(samples) <= 0
			})
		}
		test.InputSeries = append(test.InputSeries, s.inputs("shop")...)
	}
	for series, values := range f.others {
		test.InputSeries = append(test.InputSeries, inputSeries{series, values})
	}
	return test
}

// runRuleTests has promtool run the tests on the rules of this directory.
func runRuleTests(t *testing.T, tests ...ruleTest) {
	t.Helper()
	rules, err := filepath.Abs("prometheus/rules.yaml")
	require.NoError(t, err)
	runRuleTestsOn(t, rules, tests...)
}

// runRuleTestsOn has promtool run the tests on a rules file.
func runRuleTestsOn(t *testing.T, rules string, tests ...ruleTest) {
	t.Helper()
	promtool := tool(t, "promtool")
	text, err := yaml.Marshal(ruleTests{RuleFiles: []string{rules}, EvaluationInterval: "1m", Tests: tests})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "test.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	cmd := exec.Command(promtool, "test", "rules", file)
	cmd.Env = append(os.Environ(), "GOGC=800") // saves a quarter of the CPU time, for some memory
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%.4000s", out)
}
