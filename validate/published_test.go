package validate

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publishedTable is a request table as PayerMax publishes it. testdata has those of the
// Drop-In flow; pages of the same path are separate tables there.
type publishedTable struct {
	Endpoint string           `json:"endpoint"`
	Version  string           `json:"version"`
	Page     string           `json:"page"`
	Fields   []publishedField `json:"fields"`
}

// publishedField is one row of such a table.
type publishedField struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Required  bool     `json:"required"`
	MaxLength int      `json:"maxLength"`
	Enum      []string `json:"enum"`
}

// publishedTables reads PayerMax's tables.
func publishedTables(t *testing.T) []publishedTable {
	t.Helper()
	file, err := os.ReadFile("testdata/published_tables.json")
	require.NoError(t, err)
	var tables []publishedTable
	require.NoError(t, json.Unmarshal(file, &tables))
	return tables
}

// rowsOf returns the rows of a rule set, and their names in the order of the table.
func rowsOf(s *RuleSet) (names []string, rows map[string]*field) {
	rows = make(map[string]*field)
	var walk func(name string, f *field)
	walk = func(name string, f *field) {
		names = append(names, name)
		rows[name] = f
		if f.items != nil {
			walk(name+"[]", f.items)
		}
		if f.members != nil {
			for i := range f.members.fields {
				inner := &f.members.fields[i]
				walk(name+"."+inner.name, inner)
			}
		}
	}
	walk(s.data.name, &s.data)
	return names, rows
}

// unpublished are the rows that are in no page's table. Their source is an example or a
// guide.
var unpublished = []string{
	"data.paymentDetail.googlePayDetails.cryptogram",
	"data.paymentDetail.googlePayDetails.eciIndicator",
	"data.subscriptionPlan.merchantSubscriptionNo",
	"data.subscriptionPlan.deductNo",
	"data.subscriptionPlan.currentPeriod",
	"data.subscriptionPlan.startTime",
	"data.subscriptionPlan.endTime",
}

// Every row that PayerMax publishes is here, and every row here is published. The limits are
// PayerMax's, and the largest where its pages differ.
func TestTablesArePayerMaxs(t *testing.T) {
	type place struct{ endpoint, version, row string }
	var (
		longest   = make(map[place]int)
		required  = make(map[place][]bool) // one per page that has the row
		published = make(map[place]bool)
	)
	for _, p := range publishedTables(t) {
		s, ok := Lookup(p.Endpoint, p.Version)
		require.True(t, ok, p.Page)
		_, rows := rowsOf(s)
		for _, want := range p.Fields {
			at := place{p.Endpoint, p.Version, want.Name}
			got := rows[want.Name]
			if !assert.NotNil(t, got, "%s: %s is missing", p.Page, want.Name) {
				continue
			}
			published[at] = true
			longest[at] = max(longest[at], want.MaxLength)
			required[at] = append(required[at], want.Required)

			kinds := map[kind]string{text: "string", number: "number", boolean: "boolean", array: "array", object: "object"}
			want := strings.TrimSuffix(want.Type, "|null") // in any row, null means absent
			assert.Equal(t, want, kinds[got.kind], "%s: %s", p.Page, at.row)
		}
		for _, want := range p.Fields {
			if want.Enum != nil {
				assert.Subset(t, rows[want.Name].enum, want.Enum, "%s: %s", p.Page, want.Name)
			}
		}
	}

	fixedLength := map[*check]int{currencyCode: 3, countryCode: 2, countryOfOrder: 2}
	for at, limit := range longest {
		s, _ := Lookup(at.endpoint, at.version)
		_, rows := rowsOf(s)
		row := rows[at.row]
		switch {
		case row.enum != nil:
			for _, word := range row.enum {
				assert.True(t, limit == 0 || len(word) <= limit, "%v: %s", at, word)
			}
		case fixedLength[row.check] > 0:
			assert.Contains(t, []int{0, fixedLength[row.check]}, limit, "%v", at)
		default:
			if d := row.disputed(ruleMaxLength, nil); d != nil {
				assert.Less(t, row.maxLength, d.limit, "%v", at)
				assert.Equal(t, limit, d.limit, "%v", at)
			} else {
				assert.Equal(t, limit, row.maxLength, "%v", at)
			}
		}

		everywhere := !slices.Contains(required[at], false)
		somewhere := slices.Contains(required[at], true)
		if row.required {
			assert.True(t, somewhere || at.row == "data.componentList[]", "%v is not required", at)
		} else if somewhere || everywhere {
			assert.NotNil(t, row.requiredWhen, "%v is required", at)
		}
	}

	for _, p := range publishedTables(t) {
		s, _ := Lookup(p.Endpoint, p.Version)
		names, _ := rowsOf(s)
		for _, name := range names[1:] {
			if !published[place{p.Endpoint, p.Version, name}] {
				assert.Contains(t, unpublished, name, "%s: %s is not published", p.Endpoint, name)
			}
		}
	}
}

// Every row has a source: the page whose table has it, or the example or the guide that does.
// So does everything that contradicts a row.
func TestEveryRowHasASource(t *testing.T) {
	rowsOfPage := make(map[source][]string)
	for _, p := range publishedTables(t) {
		for _, f := range p.Fields {
			rowsOfPage[source(p.Page)] = append(rowsOfPage[source(p.Page)], f.Name)
		}
	}
	seen := make(map[*field]bool)
	var without []string
	for endpoint, versions := range ruleSets {
		for version, s := range versions {
			names, rows := rowsOf(s)
			for _, name := range names[1:] {
				f, at := rows[name], endpoint+" "+version+": "+name
				if seen[f] {
					continue // tables that versions or pages share
				}
				seen[f] = true
				if f.source == "" {
					without = append(without, at)
				} else if !slices.Contains(unpublished, name) {
					assert.Contains(t, rowsOfPage[f.source], name, "%s is not in the table of %s", at, f.source)
				} else {
					assert.NotContains(t, rowsOfPage, f.source, at)
				}
				for _, d := range f.disputes {
					assert.NotEmpty(t, d.source, at)
				}
				for _, a := range f.aliases {
					assert.NotEmpty(t, a.source, at)
				}
			}
		}
	}
	assert.Empty(t, without, "rows without a source")
}

// Versions share a table only where that is intended.
func TestVersionsThatShareATable(t *testing.T) {
	for endpoint, versions := range ruleSets {
		if endpoint == "applyDropinSession" {
			continue
		}
		assert.Equal(t, []string{"1.4", "1.5"}, slices.Sorted(maps.Keys(versions)), endpoint)
		assert.Same(t, versions["1.4"].data.members, versions["1.5"].data.members, endpoint)
	}
}
