package validate

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

var updateDocs = flag.Bool("update", false, "rewrite the tables of docs/clients.md that are about rules and examples")

// The page lists every column of a table that another source of PayerMax contradicts, and
// every alias of a field.
func TestClientsPageListsDisputes(t *testing.T) {
	var rows []string
	for _, endpoint := range []string{"applyDropinSession", "orderAndPay", "refund", "capture"} {
		var disputed []string
		versions := make(map[string][]string)
		for _, version := range Versions(endpoint) {
			names, byName := rowsOf(ruleSets[endpoint][version])
			for _, name := range names {
				for _, row := range disputesOf(name, byName[name]) {
					if versions[row] == nil {
						disputed = append(disputed, row)
					}
					versions[row] = append(versions[row], version)
				}
			}
		}
		for _, row := range disputed {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s", endpoint, strings.Join(versions[row], ", "), row))
		}
	}
	markdown.HoldTable(t, clientsPage, "endpoint", rows, *updateDocs)
}

// disputesOf returns, for each dispute of a row, what the table has and what the other source
// has.
func disputesOf(name string, f *field) []string {
	var rows []string
	add := func(rule, table, other string, s source) {
		rows = append(rows, fmt.Sprintf("`%s` | `%s` | %s (%s) | %s (%s) |", name, rule, table, f.source, other, s))
	}
	for _, d := range f.disputes {
		switch d.rule {
		case ruleType:
			other := d.kind.String()
			if d.words != nil {
				other = `"` + strings.Join(d.words, `" or "`) + `"`
			}
			add(d.rule, f.kind.String(), other, d.source)
		case ruleRequired:
			table := "required"
			if f.requiredWhen != nil {
				table += " " + f.requiredWhen.says
			}
			add(d.rule, table, "left out", d.source)
		case ruleEnum:
			other := "any text"
			if d.words != nil {
				other = alternatives(d.words)
			}
			add(d.rule, alternatives(f.enum), other, d.source)
		case ruleMaxLength:
			add(d.rule, fmt.Sprint("at most ", f.maxLength), fmt.Sprint("at most ", d.limit), d.source)
		case ruleMinimum:
			add(d.rule, "no lower bound", "0 only together with mitType", d.source)
		}
	}
	for _, a := range f.aliases {
		add(ruleLookAlike, "`"+f.name+"`", "`"+a.name+"`", a.source)
	}
	return rows
}

// The page lists the published requests that are refused by the default configuration, and
// says why.
func TestClientsPageListsRefusedExamples(t *testing.T) {
	file, err := os.ReadFile("testdata/official_examples.json")
	require.NoError(t, err)
	var examples []struct {
		Source, Endpoint, Why string
		Data                  json.RawMessage
	}
	require.NoError(t, json.Unmarshal(file, &examples))
	var rows []string
	seen := make(map[string]bool)
	for _, e := range examples {
		if seen[string(e.Data)] {
			continue // from the same page, for another version
		}
		seen[string(e.Data)] = true
		endpoint, ok := protocol.Lookup(e.Endpoint)
		require.True(t, ok)
		rules, ok := Lookup(e.Endpoint, endpoint.Version)
		require.True(t, ok)
		var refused []string
		for _, v := range rules.Validate(FilledIn(e.Data)) {
			refused = append(refused, "`"+v.Field+" "+v.Rule+"`")
		}
		if len(refused) == 0 {
			continue
		}
		if slices.Equal(refused, []string{"`/data/totalAmount required`"}) {
			e.Why = "version 1.5 requires totalAmount, and the example has none; with `version 1.6` it passes"
		}
		require.NotEmpty(t, e.Why, e.Source)
		rows = append(rows, fmt.Sprintf("| %s | `%s` | %s | %s |", e.Source, e.Endpoint, strings.Join(refused, ", "), e.Why))
	}
	assert.True(t, strings.Contains(markdown.Page(t, clientsPage), fmt.Sprintf(" %d different requests", len(seen))), len(seen))
	markdown.HoldTable(t, clientsPage, "example", rows, *updateDocs)
}

// FilledIn replaces the placeholders in PayerMax's guides.
func FilledIn(data []byte) []byte {
	return []byte(strings.NewReplacer(
		"[your domain name]", "shop.example",
		"[your callback URL]", "paid",
		"[your notify URL]", "payermax/callback",
		"[your subscription management URL]", "subscriptions",
	).Replace(string(data)))
}

const clientsPage = "../docs/clients.md"
