package payermax

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/reference"
	"github.com/caddy-payermax/caddy-payermax/internal/upstream"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/modules/buffered"
	"github.com/caddy-payermax/caddy-payermax/modules/health"
	"github.com/caddy-payermax/caddy-payermax/modules/landlock"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	sandboxsite "github.com/caddy-payermax/caddy-payermax/modules/sandbox"
	"github.com/caddy-payermax/caddy-payermax/modules/transport"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

const configurationPage = "docs/configuration.md"

// The configuration reference matches the source word for word, and Caddy accepts its
// examples.
func TestConfigurationReference(t *testing.T) {
	page, err := reference.Write(".", documented(), endpointRows())
	require.NoError(t, err)
	for _, example := range page.Examples {
		t.Run(example.Option, func(t *testing.T) {
			adapted := adapt(t, example.Caddyfile, false)
			for _, name := range example.JSON {
				assert.Contains(t, adapted, `"`+name+`": `)
			}
		})
	}
	if *update {
		require.NoError(t, os.WriteFile(configurationPage, []byte(page.Text), 0o644))
		return
	}
	wanted, have := strings.Split(page.Text, "\n"), strings.Split(markdown.Page(t, configurationPage), "\n")
	for i := range max(len(wanted), len(have)) {
		if i >= len(wanted) || i >= len(have) || wanted[i] != have[i] {
			require.FailNow(t, "the page is not what the source says; write it anew: go test . -run TestConfigurationReference -update",
				"%s:%d", configurationPage, i+1)
		}
	}
}

// documented are the sections of the reference.
func documented() []reference.Section {
	directive := func(name string, block *grammar.Table) reference.Section {
		return reference.Section{Name: name, Block: block, Around: []string{":8080", name}}
	}
	return []reference.Section{
		directive("payermax", payermaxOptions.Describe()),
		directive("payermax_sign", handlerOptions.Describe()),
		{Name: "key file", Block: keys.FileOptions.Describe(), Around: []string{":8080", "payermax_sign", "key file private.key"}},
		directive("transport payermax", grammar.Block[transport.Transport]{}.Describe()),
		directive("payermax_notify", notify.Options.Describe()),
		directive("payermax_notify_guard", grammar.Block[notify.Guard]{}.Describe()),
		directive("payermax_health", health.Options.Describe()),
		directive("payermax_sandbox", sandboxsite.Options.Describe()),
		{Name: "payermax_store", Block: grammar.Block[stores.App]{}.Describe(), Around: []string{"", "payermax_store memory"}},
		{Name: "payermax_landlock", Block: landlock.Options.Describe(), Around: []string{"", "payermax_landlock"}},
		{Name: "payermax_buffered", Block: buffered.Options.Describe(), Around: []string{"", "log", "output payermax_buffered"}},
	}
}

// The defaults that the doc comments name match the code.
func TestConfigurationDefaults(t *testing.T) {
	h := newHandler(t)
	require.Len(t, h.routes, 1)
	require.Contains(t, h.routes, sessionPath)

	page := strings.ReplaceAll(markdown.Page(t, configurationPage), "\n", " ")
	for _, row := range []string{
		fmt.Sprintf("| `max_body_size` | `max_body_size` | %d (64 KiB) |", h.MaxBodySize),
		fmt.Sprintf("| `timeout` | `timeout` | `%v` |", time.Duration(h.Timeout)),
		fmt.Sprintf("| `validation` | `validation` | `%s` |", h.Validation),
		fmt.Sprintf("| `key_version` | `key_version` | `%s`,", h.merchants.only.keyring.Current().KeyVersion),
		"| `endpoints` | `endpoints` | `" + protocol.SessionEndpoint + "` alone |",
		"`fail_duration " + upstream.DefaultFailDuration.String() + "`",
		"`" + urlOf(t, protocol.UAT) + "`",
		"`" + urlOf(t, protocol.Production) + "`",
	} {
		assert.True(t, strings.Contains(page, row), "the page lacks %s", row)
	}
}

// urlOf returns the URL of an environment's gateway.
func urlOf(t *testing.T, environment string) string {
	t.Helper()
	url, ok := protocol.GatewayURL(environment)
	require.True(t, ok)
	return url
}

// endpointRows returns the endpoints as the reference lists them.
func endpointRows() []reference.Endpoint {
	var rows []reference.Endpoint
	for _, e := range protocol.Endpoints() {
		rows = append(rows, reference.Endpoint{
			Name: e.Name, Version: e.Version, Rules: validate.Versions(e.Name),
			DropIn: e.DropIn, Repeatable: e.Repeatable, MovesMoney: e.MovesMoney,
		})
	}
	return rows
}

// The pages whose Caddyfiles are adapted here. Other tests run those of the other pages.
var checkedPages = []string{
	"README.md", configurationPage, errorsPage, "docs/quick-start.md", "docs/faq.md", "docs/sandbox.md", "docs/notifications.md", "docs/limits.md",
}

// Caddy accepts each Caddyfile of a page as it stands, and caddy fmt would not change it.
func TestDocsCaddyfiles(t *testing.T) {
	found := 0
	for _, path := range checkedPages {
		for _, block := range markdown.Blocks(markdown.Page(t, path)) {
			if block.Language == "caddyfile" {
				t.Log(path)
				adapt(t, block.Text, false)
				found++
			}
		}
	}
	require.Greater(t, found, 10)
}

// The doctor's page names each of its checks.
func TestDoctorPageNamesTheChecks(t *testing.T) {
	page := markdown.Page(t, "docs/doctor.md")
	named := regexp.MustCompile(`(?:found\((?:name|""), |const (?:check|name) = |\b(?:ok|warning|problem|notChecked)\()"([a-z_ ]+)"`)
	count := 0
	for _, pattern := range []string{"doctor/*.go", "doctor/command/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range named.FindAllStringSubmatch(markdown.Page(t, file), -1) {
				count++
				assert.Contains(t, page, "`"+match[1]+"`", file)
			}
		}
	}
	assert.Greater(t, count, 25)
}

// allPages are the paths of the pages.
func allPages(t *testing.T) []string {
	t.Helper()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "*/*/README.md", "*/README.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	return pages
}

// Each link between the pages leads to a file that exists, and to a heading in it.
func TestDocsLinks(t *testing.T) {
	pages := allPages(t)
	require.Contains(t, pages, operationsPage)
	for _, page := range pages {
		for _, target := range markdown.Links(markdown.Page(t, page)) {
			if strings.Contains(target, "://") {
				continue
			}
			path, anchor, hasAnchor := strings.Cut(target, "#")
			path = filepath.Join(filepath.Dir(page), path)
			if strings.HasPrefix(target, "#") {
				path = page
			}
			if _, err := os.Stat(path); !assert.NoError(t, err, "%s links to %s", page, target) || !hasAnchor {
				continue
			}
			assert.True(t, markdown.Anchors(markdown.Page(t, path))[anchor], "%s links to %s, which has no such heading", page, target)
		}
	}
}

// The index names every page.
func TestDocsIndex(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	linked := markdown.Links(markdown.Page(t, "docs/README.md"))
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" {
			assert.Contains(t, linked, name)
		}
	}
}
