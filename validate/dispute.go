package validate

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Dispute is a rule of a PayerMax field table that a request breaks, but that another
// document or client of PayerMax contradicts. It is not documented which of the two the
// gateway follows, so the request is not refused.
type Dispute struct {
	// Row and Rule have the same meaning as in [Violation].
	Row, Rule string
	// Source is the document or the client that contradicts the table.
	Source string
}

// dispute is a column of a row that another source of PayerMax contradicts.
type dispute struct {
	rule   string
	source source

	kind  kind     // for ruleType: the other type that is sent
	words []string // for ruleEnum, and for ruleType with text: the other words that are sent; nil for any
	limit int      // for ruleMaxLength: the larger limit

	not *condition // where the other source agrees with the table; nil if nowhere
}

// sentAs says that source has a different JSON type from the table's. With words, only these
// occur.
func sentAs(k kind, s source, words ...string) dispute {
	return dispute{rule: ruleType, source: s, kind: k, words: words}
}

// spelled says that source has different words from the table's or, without words, that it
// has no list of them.
func spelled(s source, words ...string) dispute {
	return dispute{rule: ruleEnum, source: s, words: words}
}

// leftOut says that source omits a member that the table requires.
func leftOut(s source) dispute { return dispute{rule: ruleRequired, source: s} }

// longer says that source allows up to limit characters, which is more than the limit in the
// table.
func longer(s source, limit int) dispute {
	return dispute{rule: ruleMaxLength, source: s, limit: limit}
}

// aboveZero says that source forbids a 0 that the page of the table allows.
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

// takes reports whether a value with a different JSON type from the table's is what the other
// source sends.
func (d *dispute) takes(raw jsontext.Value) bool {
	if d == nil || !d.kind.accepts(raw.Kind()) {
		return false
	}
	return d.kind != text || d.covers(content(raw))
}

// kinds completes "must be ..." for a row whose type another source contradicts.
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

// aliasSource returns the source of another name of the field.
func (f *field) aliasSource(name string) source {
	for _, a := range f.aliases {
		if a.name == name {
			return a.source
		}
	}
	return ""
}
