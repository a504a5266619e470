package deploy

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// alertsPageHead is the text above the table of docs/alerts.md.
const alertsPageHead = `# Which fault raises which alert

What to do about each alert is in [Operations](operations.md#alerts). This page is generated from [the table that the tests
run](../deploy/faults_table_test.go), by ` + "`go test . -run TestAlertsPage -update`" + ` in ` + "`deploy/`" + `.

How to read the table:

- **Within** is how soon after the fault the alert fires, if Prometheus scrapes and evaluates once a minute rather than every 15 s. Four
  sidecars make thirty calls a minute together. The fault affects all of them, or one of them if it is that sidecar's own.
- **Later** has all other alerts that fire half an hour after the fault began. If the fault is over by then, no alert fires.
- **\*** means that the alert fires as soon with 200 sidecars, each of which makes a call every five minutes.

| fault | alert | within | later | tests that cause it |
| --- | --- | --: | --- | --- |
`

// docs/alerts.md must match the table of faults.
func TestAlertsPage(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(alertsPageHead)
	link := func(name string) string {
		return fmt.Sprintf("[%s](operations.md#%s)", strings.TrimPrefix(name, "PayerMax"), strings.ToLower(name))
	}
	row := func(what, alert string, within int, also, tests []string, spread bool) {
		others := make([]string, 0, len(also))
		for _, name := range also {
			others = append(others, link(name))
		}
		star := ""
		if spread {
			star = " *"
		}
		fmt.Fprintf(&page, "| %s%s | %s | %d min | %s | %s |\n", what, star, link(alert), within, strings.Join(others, ", "), code(tests))
	}
	for _, f := range faults {
		if f.alert != "" {
			row(f.what, f.alert, f.within, f.also, f.tests, f.spread)
		}
	}
	page.WriteString("\n## Faults of pods\n\nThese alerts use kube-state-metrics where there is no target to scrape. The tests do not check which other alerts fire.\n\n" +
		"| fault | alert | within |\n| --- | --- | --: |\n")
	for _, f := range kubernetesFaults {
		fmt.Fprintf(&page, "| %s | %s | %d min |\n", f.what, link(f.alert), f.within)
	}
	page.WriteString("\n## Faults without an alert\n\n| fault | why there is none | tests that cause it |\n| --- | --- | --- |\n")
	for _, f := range faults {
		if f.alert == "" {
			fmt.Fprintf(&page, "| %s | %s | %s |\n", f.what, f.why, code(f.tests))
		}
	}
	page.WriteString("\n## What raises no alert\n\nThe tests check every minute of an hour:\n\n")
	for _, q := range quietThings {
		fmt.Fprintf(&page, "- %s\n", q.what)
	}
	page.WriteString("- a rollout of two hundred sidecars, one in twenty of them on a node that is lost\n")
	generated(t, "../docs/alerts.md", []byte(page.String()))
}

// code formats names as Markdown code.
func code(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names {
		quoted = append(quoted, "`"+name+"`")
	}
	return strings.Join(quoted, ", ")
}

// Each test listed under the faults of docs/tests.md is in the table, and each fault without an
// alert says why it has none.
func TestFaultsAreAllInTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/tests.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## Faults\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	known := make(map[string]bool)
	for _, f := range faults {
		assert.NotEqual(t, f.alert == "", f.why == "", f.what)
		for _, name := range f.tests {
			known[name] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(section, -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		assert.True(t, known[name[1]] || strings.HasPrefix(name[1], "TestClock"), "%s is in no row of the table", name[1])
	}
}

// A simulated sidecar starts with the same series as the binary.
func TestFleetBeginsAsTheBinaryDoes(t *testing.T) {
	t.Parallel()
	_, body := get("http://127.0.0.1:" + observe(t, false).health + "/metrics")
	begins := make(map[string]bool)
	label := regexp.MustCompile(`(\w+)="([^"]*)"`)
	key := func(series string) string {
		name, labels, _ := strings.Cut(series, "{")
		sorted := make(map[string]string)
		for _, match := range label.FindAllStringSubmatch(labels, -1) {
			sorted[match[1]] = match[2]
		}
		if _, ok := sorted["endpoint"]; ok {
			sorted["endpoint"] = "" // the endpoints depend on the configuration
		}
		return name + fmt.Sprint(sorted)
	}
	for line := range strings.Lines(body) {
		if series, value, found := strings.Cut(strings.TrimSpace(line), "} "); found && value == "0" {
			begins[key(series)] = true
		} else if name, value, found := strings.Cut(strings.TrimSpace(line), " "); found && value == "0" {
			begins[key(name)] = true
		}
	}
	for _, series := range announced {
		assert.True(t, begins[key(strings.TrimSuffix(series, "}"))], "%s does not begin at zero", series)
	}
}
