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

// publishedTable is a request table as PayerMax prints it. testdata has those of
// the Drop-In flow; the pages of one path are separate tables there.
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

// rowsOf lists the rows of a rule set by their names, in the order of the table.
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

// lenient are the rows that at least one page requires and the table does not,
// under no condition either, with the reason.
var lenient = map[string]string{
	"orderAndPay data.country":                                    "examples of the Drop-In and the direct guides omit it",
	"orderAndPay data.mitManagementUrl":                           "the example below the table that requires it omits it",
	"orderAndPay data.subscriptionPlan.subscriptionNo":            "of the auth-capture pages; the others have plans of the merchant's",
	"orderAndPay data.paymentDetail.applePayPaymentData.network":  "the example of the same page omits it",
	"orderAndPay data.paymentDetail.applePayPaymentData.type":     "the example of the same page omits it",
	"orderAndPay data.paymentDetail.googlePayDetails.cardNetwork": "the example of the same page omits it",
}

// unpublished are the rows that no page's table has, with where they come from.
var unpublished = map[string]string{
	"data.paymentDetail.googlePayDetails.cryptogram":   "the example of the direct page",
	"data.paymentDetail.googlePayDetails.eciIndicator": "the example of the direct page",
	"data.subscriptionPlan.merchantSubscriptionNo":     "PayerMax's integration guide for plans of the merchant's",
	"data.subscriptionPlan.deductNo":                   "the same",
	"data.subscriptionPlan.currentPeriod":              "the same",
	"data.subscriptionPlan.startTime":                  "the same",
	"data.subscriptionPlan.endTime":                    "the same",
}

// Every row that PayerMax publishes is here, and every row here is published; the
// limits are PayerMax's, and the largest where its pages differ.
func TestTablesArePayerMaxs(t *testing.T) {
	type place struct{ endpoint, version, row string }
	var (
		longest   = make(map[place]int)
		required  = make(map[place][]bool) // per page that has the row
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
			want, null := strings.CutSuffix(want.Type, "|null")
			if got.kind == numeric {
				assert.Contains(t, []string{"string", "number"}, want, "%s: %s", p.Page, at.row)
			} else {
				assert.Equal(t, want, kinds[got.kind], "%s: %s", p.Page, at.row)
			}
			assert.Equal(t, null, got.nullable, "%s: %s", p.Page, at.row)
		}
		for _, want := range p.Fields {
			if want.Enum != nil {
				assert.Subset(t, rows[want.Name].enum, want.Enum, "%s: %s", p.Page, want.Name)
			}
		}
	}

	used := make(map[string]bool)
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
			assert.Equal(t, limit, row.maxLength, "%v", at)
		}

		everywhere := !slices.Contains(required[at], false)
		somewhere := slices.Contains(required[at], true)
		if row.required {
			assert.True(t, somewhere || at.row == "data.componentList[]", "%v is not required", at)
		} else if somewhere && row.requiredWhen == nil {
			assert.NotEmpty(t, lenient[at.endpoint+" "+at.row], "%v is required", at)
			used[at.endpoint+" "+at.row] = true
		} else if everywhere {
			assert.NotNil(t, row.requiredWhen, "%v is required", at)
		}
	}

	assert.Len(t, used, len(lenient), "a row is not lenient any more")

	for _, p := range publishedTables(t) {
		s, _ := Lookup(p.Endpoint, p.Version)
		names, _ := rowsOf(s)
		for _, name := range names[1:] {
			if !published[place{p.Endpoint, p.Version, name}] {
				assert.NotEmpty(t, unpublished[name], "%s: %s is not published", p.Endpoint, name)
			}
		}
	}
}

// The versions that share a table do so on purpose.
func TestVersionsThatShareATable(t *testing.T) {
	for endpoint, versions := range ruleSets {
		if endpoint == "applyDropinSession" {
			continue
		}
		assert.Equal(t, []string{"1.4", "1.5"}, slices.Sorted(maps.Keys(versions)), endpoint)
		assert.Same(t, versions["1.4"].data.members, versions["1.5"].data.members, endpoint)
	}
}
