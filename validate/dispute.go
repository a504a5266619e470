package validate

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Dispute is a rule of a PayerMax field table that a request breaks and that
// another document or client of PayerMax's contradicts. Which of the two the
// gateway follows is not documented, so such a request is not refused.
type Dispute struct {
	// Row and Rule are those of [Violation].
	Row, Rule string
	// Source is the document or the client that contradicts the table.
	Source string
}

// dispute is a column of a row that something else of PayerMax's contradicts.
type dispute struct {
	rule   string
	source source

	kind  kind     // by ruleType: what else is sent
	words []string // by ruleEnum, and by ruleType if it is text: what else is written; nil for anything
	limit int      // by ruleMaxLength: the larger one

	not *condition // where the other source agrees with the table; nil for nowhere
}

// sentAs says that source has another JSON type than the table. With words, it
// has nothing but these.
func sentAs(k kind, s source, words ...string) dispute {
	return dispute{rule: ruleType, source: s, kind: k, words: words}
}

// spelled says that source has other words than the table; without words, that
// it has no list of them.
func spelled(s source, words ...string) dispute {
	return dispute{rule: ruleEnum, source: s, words: words}
}

// leftOut says that source does without a member which the table requires.
func leftOut(s source) dispute { return dispute{rule: ruleRequired, source: s} }

// longer says that source allows up to limit characters, which is more than the
// page does whose limit is the table's.
func longer(s source, limit int) dispute {
	return dispute{rule: ruleMaxLength, source: s, limit: limit}
}

// aboveZero says that source forbids a 0 which the page of the table allows.
func aboveZero(s source) dispute { return dispute{rule: ruleMinimum, source: s} }

// unless says where the other source agrees with the table.
func (d dispute) unless(c *condition) dispute {
	d.not = c
	return d
}

// disputed returns what contradicts a rule of the row, or nil.
func (f *field) disputed(rule string, siblings *members) *dispute {
	for i := range f.disputes {
		d := &f.disputes[i]
		if d.rule == rule && (d.not == nil || !d.not.holds(siblings)) {
			return d
		}
	}
	return nil
}

// takes reports whether a value of another JSON type than the table's is what
// the other source sends.
func (d *dispute) takes(raw jsontext.Value) bool {
	if d == nil || !d.kind.accepts(raw.Kind()) {
		return false
	}
	return d.kind != text || d.covers(content(raw))
}

// kinds completes "must be ..." for a row whose type something else contradicts.
func (f *field) kinds(d *dispute) string {
	if d == nil || d.words != nil {
		return f.kind.String()
	}
	return f.kind.String() + " or " + d.kind.String()
}

// covers reports whether text is what the other source writes.
func (d *dispute) covers(text []byte) bool {
	return d != nil && (d.words == nil || slices.Contains(d.words, string(text)))
}

// aliasSource is where another name of the field's is from.
func (f *field) aliasSource(name string) source {
	for _, a := range f.aliases {
		if a.name == name {
			return a.source
		}
	}
	return ""
}
