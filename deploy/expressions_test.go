package deploy

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// alert is an alerting rule of prometheus/rules.yaml.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// alerts returns all alerting rules.
func alerts(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile("prometheus/rules.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &file))
	var all []alert
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// expression is a PromQL expression and where it comes from.
type expression struct {
	where string
	tree  parser.Expr
}

// expressions returns the expressions of the rules and of the dashboard.
func expressions(t *testing.T) []expression {
	t.Helper()
	var all []expression
	add := func(where, text string) {
		t.Helper()
		// Grafana's range variable is not valid PromQL; its other variables occur only in strings.
		tree, err := parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(text, "$__rate_interval", "5m"))
		require.NoError(t, err, "%s: %s", where, text)
		all = append(all, expression{where, tree})
	}
	for _, rule := range alerts(t) {
		add(rule.Alert, rule.Expr)
	}
	board := dashboard(t)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			add("panel "+panel.Title, target.Expr)
		}
	}
	for _, variable := range board.Templating.List {
		var query struct{ Query string }
		if variable.Type == "query" {
			require.NoError(t, json.Unmarshal(variable.Query, &query))
			of := regexp.MustCompile(`^label_values\((.*), \w+\)$`).FindStringSubmatch(query.Query)
			require.NotNil(t, of, query.Query)
			add("variable "+variable.Name, of[1])
		}
	}
	return all
}

// selectors returns the vector selectors of an expression.
func (e expression) selectors() []*parser.VectorSelector {
	var found []*parser.VectorSelector
	parser.Inspect(e.tree, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			found = append(found, selector)
		}
		return nil
	})
	return found
}

// Each divisor is filtered by a comparison that leaves only values above zero.
func TestNothingIsDividedByZero(t *testing.T) {
	t.Parallel()
	divisions := 0
	for _, e := range expressions(t) {
		parser.Inspect(e.tree, func(node parser.Node, _ []parser.Node) error {
			division, ok := node.(*parser.BinaryExpr)
			if !ok || division.Op != parser.DIV {
				return nil
			}
			divisions++
			assert.Regexp(t, `^\(.* > 0\)$`, division.RHS.String(), e.where)
			return nil
		})
	}
	assert.NotZero(t, divisions)
}

// Alerts use counters only through increase or rate, never by their value, because a restart resets
// the value.
func TestAlertsDoNotCompareCounters(t *testing.T) {
	t.Parallel()
	for _, e := range expressions(t) {
		parser.Inspect(e.tree, func(node parser.Node, path []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if ok && regexp.MustCompile(`_(total|bucket|sum|count)$`).MatchString(selector.Name) {
				_, ranged := path[len(path)-1].(*parser.MatrixSelector)
				assert.True(t, ranged, "%s: %s", e.where, selector)
			}
			return nil
		})
	}
}

// targetLabels are the labels that Prometheus adds to each series.
var targetLabels = []string{"__name__", "job", "namespace", "instance"}

// labelsOf returns the labels of the metric that an expression uses.
func (e expression) labelsOf(metric string) []string {
	var found []string
	for _, selector := range e.selectors() {
		if selector.Name == metric {
			for _, matcher := range selector.LabelMatchers {
				found = append(found, matcher.Name)
			}
		}
	}
	parser.Inspect(e.tree, func(node parser.Node, _ []parser.Node) error {
		aggregation, ok := node.(*parser.AggregateExpr)
		if !ok || aggregation.Without {
			return nil
		}
		inner := expression{e.where, aggregation.Expr}.selectors()
		if slices.ContainsFunc(inner, func(s *parser.VectorSelector) bool { return s.Name == metric }) {
			found = append(found, aggregation.Grouping...)
		}
		return nil
	})
	return slices.DeleteFunc(found, func(label string) bool { return slices.Contains(targetLabels, label) })
}
