package validate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canReport lists the rules that a row can break.
func canReport(f *field, deciding bool) []string {
	rules := []string{ruleType}
	if deciding || len(f.aliases) > 0 {
		rules = append(rules, ruleLookAlike)
	}
	if f.name == "data" {
		rules = append(rules, ruleSyntax)
	} else if (f.required && (f.name != "" || f.kind == text) || f.requiredWhen != nil) && !f.alwaysDisputed(ruleRequired) {
		rules = append(rules, ruleRequired)
	}
	if f.maxLength > 0 {
		rules = append(rules, ruleMaxLength)
	}
	if f.enum != nil && f.disputedWords() != nil {
		rules = append(rules, ruleEnum)
	}
	if f.check != nil {
		rules = append(rules, f.check.rules...)
	}
	if f.covered != anything {
		rules = append(rules, ruleContract)
	}
	return rules
}

// alwaysDisputed reports whether breaking the rule of this row never refuses a request.
func (f *field) alwaysDisputed(rule string) bool {
	for _, d := range f.disputes {
		if d.rule == rule && d.not == nil {
			return true
		}
	}
	return false
}

// disputedWords returns the words of the other source: nil if that source has no list, and
// empty if there is no dispute.
func (f *field) disputedWords() []string {
	for _, d := range f.disputes {
		if d.rule == ruleEnum {
			return d.words
		}
	}
	return []string{}
}

// ofKind maps JSON kinds to example values.
var ofKind = map[kind]string{text: `"7"`, number: `7`, boolean: `true`, array: `[]`, object: `{}`}

// wrongKind returns a value of a kind that neither the table nor another source has.
func wrongKind(f *field) string {
	for _, k := range []kind{array, boolean, object, number} {
		d := dispute{kind: f.kind}
		if i := slices.IndexFunc(f.disputes, func(d dispute) bool { return d.rule == ruleType }); i >= 0 {
			d = f.disputes[i]
		}
		if k != f.kind && k != d.kind {
			return ofKind[k]
		}
	}
	return ""
}

// longest returns a text of n characters that passes the row's check.
func longest(f *field, n int) string {
	start := ""
	if f.check == webURL || f.check == appURL {
		start = "https://"
	}
	return start + strings.Repeat("a", n-len(start))
}

// For every rule of every row of every table, there is a block that breaks only that rule,
// and a similar block that does not break it. The lists above give the content of the rules;
// the tables ensure that no rule is forgotten.
func TestEveryRuleOfEveryRow(t *testing.T) {
	for endpoint, versions := range ruleSets {
		for version, s := range versions {
			name := endpoint + " " + version
			t.Run(name, func(t *testing.T) { testEveryRule(t, endpoint, name, s) })
		}
	}
}

func testEveryRule(t *testing.T, endpoint, name string, s *RuleSet) {
	names, rows := rowsOf(s)
	hit, disputed := make(map[string]bool), make(map[string]bool)
	deciding := decidingRows(s)
	breaks := func(s *RuleSet, row, rule, pointer string, data []byte) {
		vs := s.Validate(data)
		if assert.Len(t, vs, 1, "%s %s", row, rule) {
			assert.Equal(t, row+" "+rule, vs[0].Row+" "+vs[0].Rule, vs[0].Message)
			assert.Equal(t, "/data"+pointer, vs[0].Field)
			assert.True(t, strings.HasPrefix(vs[0].Message, strings.ReplaceAll(row, "[]", "[0]")+" "), vs[0].Message)
			hit[vs[0].Row+" "+vs[0].Rule] = true
		}
	}
	passes := func(row string, data []byte) {
		assert.Empty(t, s.Validate(data), row)
	}
	disputes := func(f *field, row, rule string, data []byte) {
		v := s.Judge(data)
		assert.Empty(t, v.Broken, "%s %s", row, rule)
		i := slices.IndexFunc(v.Disputed, func(d Dispute) bool { return d.Row == row && d.Rule == rule })
		if assert.GreaterOrEqual(t, i, 0, "%s %s: %v", row, rule, v.Disputed) {
			assert.NotEmpty(t, v.Disputed[i].Source)
			disputed[row+" "+rule] = true
		}
	}
	change := func(pointer, raw string) []byte { return edited(t, name, edits{pointer: raw}) }

	passes("full", edited(t, name, nil))
	breaks(s, "data", ruleSyntax, "", []byte(`{`))
	breaks(s, "data", ruleType, "", []byte(`[]`))

	for _, row := range names[1:] {
		f, at := rows[row], pointerTo(row)
		require.NotEqual(t, edited(t, name, nil), change(at, wrongKind(f)), "%s is not in the full block", row)

		breaks(s, row, ruleType, at, change(at, wrongKind(f)))
		switch {
		case f.name == "": // an element cannot be absent
			breaks(s, row, ruleType, at, change(at, "null"))
			if f.required && f.kind == text {
				breaks(s, row, ruleRequired, at, change(at, `""`))
			}
		case f.alwaysDisputed(ruleRequired):
			for _, absent := range []string{"", "null", `""`} {
				disputes(f, row, ruleRequired, change(at, absent))
			}
		case f.required:
			for _, absent := range []string{"", "null", `""`} {
				breaks(s, row, ruleRequired, at, change(at, absent))
			}
		case f.requiredWhen == nil:
			for _, absent := range []string{"", "null", `""`} {
				passes(row, change(at, absent))
			}
		}
		if f.name != "" {
			outer, last := at[:strings.LastIndex(at, "/")+1], at[strings.LastIndex(at, "/")+1:]
			if deciding[row] {
				breaks(s, row, ruleLookAlike, outer+"_"+last, change(outer+"_"+last, "{}"))
			} else {
				passes(row, change(outer+"_"+last, "{}"))
			}
			for _, a := range f.aliases {
				var block map[string]any
				require.NoError(t, json.Unmarshal(edited(t, name, nil), &block))
				same, err := json.Marshal(valueAt(block, at))
				require.NoError(t, err)
				disputes(f, row, ruleLookAlike, edited(t, name, edits{at: "", outer + a.name: string(same)}))
				disputes(f, row, ruleLookAlike, change(outer+a.name, string(same)))
				passes(row, change(outer+a.name, "null"))
			}
		}
		if f.maxLength > 0 {
			limit := f.maxLength
			for _, d := range f.disputes {
				if d.rule == ruleMaxLength {
					disputes(f, row, ruleMaxLength, change(at, `"`+longest(f, limit+1)+`"`))
					disputes(f, row, ruleMaxLength, change(at, `"`+longest(f, d.limit)+`"`))
					limit = d.limit
				}
			}
			passes(row, change(at, `"`+longest(f, limit)+`"`))
			breaks(s, row, ruleMaxLength, at, change(at, `"`+longest(f, limit)+`a"`))
		}
		for _, d := range f.disputes {
			if d.rule == ruleType && d.kind == text && d.words == nil {
				disputes(f, row, d.rule, change(at, `"7"`))
			} else if d.rule == ruleType && d.kind == text {
				for _, word := range d.words {
					disputes(f, row, d.rule, change(at, `"`+word+`"`))
				}
			} else if d.rule == ruleType {
				disputes(f, row, d.rule, change(at, ofKind[d.kind]))
			}
		}
		if f.enum != nil {
			for _, word := range f.enum {
				passes(row, change(at, `"`+word+`"`))
			}
			for _, word := range f.disputedWords() {
				disputes(f, row, ruleEnum, change(at, `"`+word+`"`))
			}
			if other := change(at, `"`+strings.ToLower(f.enum[0])+`_"`); f.disputedWords() == nil {
				disputes(f, row, ruleEnum, other)
			} else {
				breaks(s, row, ruleEnum, at, other)
			}
		}
		if f.check != nil {
			for rule, values := range checked[f.check].broken {
				for _, raw := range values {
					breaks(s, row, rule, at, change(at, raw))
				}
			}
			for _, raw := range checked[f.check].passing {
				passes(row, change(at, raw))
			}
			if f.alwaysDisputed(ruleMinimum) { // by 0, which is allowed beside mitType
				disputes(f, row, ruleMinimum, edited(t, name, edits{at: "0", "/mitType": ""}))
			}
		}
		if f.covered != anything {
			breaks(s.Within(elsewhere), row, ruleContract, at, edited(t, name, insideOf(rows, at)))
			assert.Empty(t, s.Within(here).Validate(edited(t, name, nil)), row)
		}
	}
	for _, r := range related {
		if r.endpoint == endpoint || r.endpoint == name {
			at := pointerTo(r.row)
			if r.at != "" {
				at = r.at
			}
			breaks(s, r.row, r.rule, at, edited(t, name, r.broken))
			passes(r.row, edited(t, name, r.passing))
		}
	}
	if endpoint == "orderAndPay" {
		disputes(nil, "data.paymentDetail.buyerInfo", ruleRequired, edited(t, name, edits{
			"/paymentDetail/buyerInfo": "", "/paymentDetail/sessionKey": "", "/paymentDetail/paymentToken": "",
		}))
	}

	for _, row := range names {
		for _, rule := range canReport(rows[row], deciding[row]) {
			assert.True(t, hit[row+" "+rule], "%s: no block breaks %s of %s", name, rule, row)
		}
		for _, d := range rows[row].disputes {
			assert.True(t, disputed[row+" "+d.rule], "%s: no block is disputed by %s of %s", name, d.rule, row)
		}
	}
}

// decidingRows returns the rows for which no other member may be mistaken.
func decidingRows(s *RuleSet) map[string]bool {
	deciding := make(map[string]bool)
	names, rows := rowsOf(s)
	for _, name := range names {
		if f := rows[name]; f.members != nil {
			for i, inner := range f.members.fields {
				deciding[name+"."+inner.name] = f.members.deciding[i]
			}
		}
	}
	return deciding
}

// valueAt returns the value at a JSON Pointer below the block.
func valueAt(block any, pointer string) any {
	for _, name := range strings.Split(pointer, "/")[1:] {
		switch outer := block.(type) {
		case map[string]any:
			block = outer[name]
		case []any:
			block = outer[0]
		}
	}
	return block
}

// The full blocks are within the contract here and outside the contract elsewhere.
var (
	here      = Contract{Currencies: []string{"IDR"}, Countries: []string{"ID"}, Components: []string{"CARD"}}
	elsewhere = Contract{Currencies: []string{"USD"}, Countries: []string{"US"}, Components: []string{"GOOGLEPAY"}}
)

// insideOf changes every value that the contract covers to one of elsewhere, except one.
func insideOf(rows map[string]*field, except string) edits {
	changes := make(edits)
	for row, f := range rows {
		if words := elsewhere.words(f.covered); words != nil && pointerTo(row) != except {
			changes[pointerTo(row)] = `"` + words[0] + `"`
		}
	}
	return changes
}

// The properties of the tables that the walk relies on.
func TestTablesAreWellFormed(t *testing.T) {
	for endpoint, versions := range ruleSets {
		for version, s := range versions {
			names, rows := rowsOf(s)
			for _, name := range names {
				f, at := rows[name], fmt.Sprintf("%s %s: %s", endpoint, version, name)
				assert.Equal(t, f.kind == object, f.members != nil, at)
				assert.Equal(t, f.kind == array, f.items != nil, at)
				assert.False(t, f.required && f.requiredWhen != nil, at)
				if f.covered != anything || f.enum != nil || f.maxLength > 0 {
					assert.Equal(t, text, f.kind, at)
				}
				if f.check != nil {
					assert.Contains(t, []kind{text, number}, f.kind, at)
					assert.Contains(t, checked, f.check, at)
				}
				if f.members != nil {
					for i, inner := range f.members.fields {
						found, ok := f.members.names.Find([]byte(inner.name))
						assert.True(t, ok && found == i, "%s looks like another: %s", inner.name, at)
						for _, a := range inner.aliases {
							assert.NotContains(t, f.members.byName, a.name, at)
						}
					}
				}
				if f.moves != "" {
					assert.NotContains(t, name, "[]", "Amounts does not look into arrays: %s", at)
					outer := name[:strings.LastIndex(name, ".")]
					currency := rows[outer+"."+f.moves]
					if assert.NotNil(t, currency, at) {
						assert.Same(t, currencyCode, currency.check, at)
						assert.Equal(t, currencies, currency.covered, at)
					}
				}
			}
		}
	}
}
