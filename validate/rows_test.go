package validate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canReport lists the rules that a row can break.
func canReport(f *field) []string {
	rules := []string{ruleType}
	if f.name != "" && f.name != "data" {
		rules = append(rules, ruleLookAlike)
	}
	if f.name == "data" {
		rules = append(rules, ruleSyntax)
	} else if f.required && (f.name != "" || f.kind == text) || f.requiredWhen != nil {
		rules = append(rules, ruleRequired)
	}
	if f.maxLength > 0 {
		rules = append(rules, ruleMaxLength)
	}
	if f.enum != nil {
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

// A value of another JSON kind, by the kind of the row.
var wrongKind = map[kind]string{text: `7`, number: `"7"`, numeric: `true`, boolean: `"true"`, array: `{}`, object: `[]`}

// Every rule of every row of every table has a block that breaks it and nothing
// else, and one close to it that does not. What is listed above by hand is the
// content of the rules; that none is forgotten follows from the tables.
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
	hit := make(map[string]bool)
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
	change := func(pointer, raw string) []byte { return edited(t, name, edits{pointer: raw}) }

	passes("full", edited(t, name, nil))
	breaks(s, "data", ruleSyntax, "", []byte(`{`))
	breaks(s, "data", ruleType, "", []byte(`[]`))

	for _, row := range names[1:] {
		f, at := rows[row], pointerTo(row)
		require.NotEqual(t, edited(t, name, nil), change(at, wrongKind[f.kind]), "%s is not in the full block", row)

		breaks(s, row, ruleType, at, change(at, wrongKind[f.kind]))
		switch {
		case f.name == "": // an element cannot be absent
			breaks(s, row, ruleType, at, change(at, "null"))
			if f.required && f.kind == text {
				breaks(s, row, ruleRequired, at, change(at, `""`))
			}
		case f.required:
			breaks(s, row, ruleRequired, at, change(at, ""))
			breaks(s, row, ruleRequired, at, change(at, "null"))
			if f.kind.accepts('"') {
				breaks(s, row, ruleRequired, at, change(at, `""`))
			}
		case f.nullable:
			passes(row, change(at, "null"))
		case f.requiredWhen == nil:
			passes(row, change(at, ""))
			breaks(s, row, ruleType, at, change(at, "null"))
		}
		if f.name != "" {
			outer, last := at[:strings.LastIndex(at, "/")+1], at[strings.LastIndex(at, "/")+1:]
			breaks(s, row, ruleLookAlike, outer+"_"+last, change(outer+"_"+last, "{}"))
		}
		if f.maxLength > 0 {
			start := ""
			if f.check == webURL || f.check == appURL {
				start = "https://"
			}
			longest := start + strings.Repeat("a", f.maxLength-len(start))
			passes(row, change(at, `"`+longest+`"`))
			breaks(s, row, ruleMaxLength, at, change(at, `"`+longest+`a"`))
		}
		if f.enum != nil {
			for _, word := range f.enum {
				passes(row, change(at, `"`+word+`"`))
				breaks(s, row, ruleEnum, at, change(at, `"`+strings.ToLower(word)+`_"`))
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
		}
		if f.covered != anything {
			breaks(s.Within(elsewhere), row, ruleContract, at, edited(t, name, insideOf(rows, at)))
			assert.Empty(t, s.Within(here).Validate(edited(t, name, nil)), row)
		}
	}
	for _, r := range related {
		if r.endpoint == endpoint || r.endpoint == name {
			breaks(s, r.row, r.rule, pointerTo(r.row), edited(t, name, r.broken))
			passes(r.row, edited(t, name, r.passing))
		}
	}

	for _, row := range names {
		for _, rule := range canReport(rows[row]) {
			assert.True(t, hit[row+" "+rule], "%s: no block breaks %s of %s", name, rule, row)
		}
	}
}

// The full blocks are within the one contract and outside the other.
var (
	here      = Contract{Currencies: []string{"IDR"}, Countries: []string{"ID"}, Components: []string{"CARD"}}
	elsewhere = Contract{Currencies: []string{"USD"}, Countries: []string{"US"}, Components: []string{"GOOGLEPAY"}}
)

// insideOf moves every value that the contract covers elsewhere, but for one.
func insideOf(rows map[string]*field, except string) edits {
	changes := make(edits)
	for row, f := range rows {
		if words := elsewhere.words(f.covered); words != nil && pointerTo(row) != except {
			changes[pointerTo(row)] = `"` + words[0] + `"`
		}
	}
	return changes
}

// What the walk over the tables relies on.
func TestTablesAreWellFormed(t *testing.T) {
	for endpoint, versions := range ruleSets {
		for version, s := range versions {
			names, rows := rowsOf(s)
			for _, name := range names {
				f, at := rows[name], fmt.Sprintf("%s %s: %s", endpoint, version, name)
				assert.Equal(t, f.kind == object, f.members != nil, at)
				assert.Equal(t, f.kind == array, f.items != nil, at)
				assert.False(t, f.required && (f.requiredWhen != nil || f.nullable), at)
				if f.covered != anything || f.enum != nil || f.maxLength > 0 {
					assert.Equal(t, text, f.kind, at)
				}
				if f.check != nil {
					assert.Contains(t, []kind{text, number, numeric}, f.kind, at)
					assert.Contains(t, checked, f.check, at)
				}
				if f.members != nil {
					for i, inner := range f.members.fields {
						found, ok := f.members.lookAlike([]byte(inner.name))
						assert.True(t, ok && found == i, "%s looks like another: %s", inner.name, at)
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
