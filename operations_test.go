package payermax

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
)

const operationsPage = "docs/operations.md"

// section returns the text under a heading of a page, up to the next heading of any
// level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n"+heading+"\n")
	require.True(t, found, "no section %s", heading)
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

// firstColumn returns what is in backticks in the first column of a section's
// tables.
func firstColumn(section string) []string {
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`)[^|]* \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			names = append(names, name[1])
		}
	}
	return names
}

// The page's table has every metric of this module with its labels, and no other. The
// metrics that other documents mention exist.
func TestOperationsMetrics(t *testing.T) {
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		for _, collector := range prom.Collectors() {
			collector.Describe(described)
		}
	}()
	labels := make(map[string]string)
	for desc := range described {
		parts := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: {([^}]*)}`).FindStringSubmatch(desc.String())
		require.NotNil(t, parts, desc.String())
		labels[parts[1]] = parts[2]
	}

	documented := make(map[string]string)
	for _, metric := range firstColumn(section(t, markdown.Page(t, operationsPage), "## Metrics and health")) {
		name, list, _ := strings.Cut(metric, "{")
		if strings.HasPrefix(name, prom.Namespace+"_") {
			documented[name] = strings.TrimSuffix(list, "}")
		}
	}
	assert.Equal(t, labels, documented)

	for _, path := range []string{operationsPage, "README.md"} {
		for _, name := range regexp.MustCompile(`caddy_payermax_\w+`).FindAllString(markdown.Page(t, path), -1) {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			assert.Contains(t, labels, name, path)
		}
	}
}

// The page explains the values that labels and log fields can have.
func TestOperationsValues(t *testing.T) {
	page := markdown.Page(t, operationsPage)
	values := []string{
		string(reply.Answered), string(reply.Unsigned), string(reply.Refused), string(reply.NotSent), string(reply.Unknown), string(reply.Unverified),
		limits.ByEndpoint, limits.ByCaller, limits.ByAmount, limits.ByRate, limitOverload, limitInFlight, shadowAgree, shadowDisagree, shadowUnsigned, shadowSkipped, other,
	}
	for _, finding := range verdict.Findings {
		values = append(values, finding.Label())
	}
	values = append(values, notify.Results()...)
	for _, value := range values {
		assert.Contains(t, page, "`"+value+"`")
	}
}

// The page's table has every field of a call's line, and no other, and so does
// the example above it.
func TestOperationsLogFields(t *testing.T) {
	what := section(t, markdown.Page(t, operationsPage), "## What it logs")
	documented := firstColumn(what)
	assert.ElementsMatch(t, loggedFields(t), documented)

	example := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(what)
	require.NotNil(t, example)
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(example[1]), &line))
	for field := range line {
		if !slices.Contains([]string{"level", "ts", "logger", "msg"}, field) { // every log line has these
			assert.Contains(t, documented, field)
		}
	}
}

// loggedFields returns the names of the fields that a call's log line can have. It takes
// them from the source, since no single call has them all.
func loggedFields(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "line.go", nil, 0)
	require.NoError(t, err)
	var names []string
	for _, declared := range file.Decls {
		method, ok := declared.(*ast.FuncDecl)
		if !ok || method.Name.Name != "MarshalLogObject" && !strings.HasPrefix(method.Name.Name, "add") {
			continue
		}
		ast.Inspect(method, func(node ast.Node) bool {
			// Each is added by its name: log.AddString("name", ...), zap.Strings("name", ...).
			called, ok := node.(*ast.CallExpr)
			if !ok || len(called.Args) == 0 {
				return true
			}
			literal, ok := called.Args[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			name, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			names = append(names, name)
			return true
		})
	}
	require.NotEmpty(t, names)
	return names
}

// The page and the log give the same advice about a refused signature, in the same order.
func TestOperationsAdvice(t *testing.T) {
	h := newHandler(t)
	logs := logged(h)
	serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, `{"code":"SIGN_VERIFY_FAILED"}`)
		return err
	})
	advice := logs.All()[logs.Len()-1].ContextMap()["check"].([]any)
	steps := regexp.MustCompile(`(?m)^\d\. .*$`).FindAllString(section(t, markdown.Page(t, operationsPage), "### SIGN_VERIFY_FAILED"), -1)
	about := []string{"dashboard", "environment", "key_version", "changed recently", "body_sha256"}
	require.Len(t, advice, len(about))
	require.Len(t, steps, len(about))
	for i, words := range about {
		assert.Contains(t, advice[i], words)
		assert.Contains(t, steps[i], words)
	}
}

// Each promise names its tests, and these exist in the files that it names.
func TestOperationsPromises(t *testing.T) {
	page := markdown.Page(t, operationsPage)
	linked := make(map[string]bool)
	link := regexp.MustCompile(`\[(Test\w+)\]\(([^)]+)\)`)
	for _, test := range link.FindAllStringSubmatch(page, -1) {
		linked[test[1]] = true
		assert.Contains(t, markdown.Page(t, filepath.Join("docs", test[2])), "\nfunc "+test[1]+"(t *testing.T)", test[2])
	}
	promises := regexp.MustCompile(`(?m)^\| .*$`).FindAllString(section(t, page, "### Promises and their tests"), -1)
	require.Greater(t, len(promises), 2)
	for _, promise := range promises[2:] { // after the table's head
		assert.Regexp(t, link, promise)
	}
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(page, -1) {
		assert.True(t, linked[name], "%s has no link", name)
	}
}
