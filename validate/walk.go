package validate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxViolations bounds the answer to a body full of mistakes: 64 KiB can hold twenty thousand
// empty array elements, each with a message of about a hundred bytes.
const maxViolations = 100

// walker walks through a block along its table and collects what it finds. It builds a
// message only when a rule is broken.
type walker struct {
	contract *Contract
	at       []step  // the current position; the first step is the block itself
	steps    [8]step // initial memory of at, as deep as most blocks
	found    []Violation
	disputes []Dispute
}

// step is one part of the path to a value: a member's name, or an index into an array if the
// name is empty.
type step struct {
	name  string
	index int
}

// value judges one value by its row: first the JSON type, then the content, then the row's
// own check.
func (w *walker) value(f *field, siblings *members, raw jsontext.Value) {
	if f.name != "" { // the elements of an array have an index instead
		w.enter(step{name: f.name})
		defer w.leave()
	}
	sent := raw.Kind()
	if sent == jsontext.KindInvalid {
		w.report(ruleSyntax, "must be valid JSON; send %s", f.wanted())
		return
	}
	if !f.kind.accepts(sent) {
		d := f.disputed(ruleType, siblings)
		if d.takes(raw) {
			w.dispute(d)
			w.content(f, siblings, raw)
			return
		}
		if string(raw) == `""` && siblings != nil {
			w.absent(f, siblings) // some clients send "" for a number that they do not have
			return
		}
		w.report(ruleType, "must be %s, but %s was sent; send %s", f.kinds(d), nameOf(sent), f.wanted())
		return
	}
	w.content(f, siblings, raw)
}

// content judges the content of a value of the right type.
func (w *walker) content(f *field, siblings *members, raw jsontext.Value) {
	switch sent := raw.Kind(); sent {
	case '{':
		w.object(f, siblings, raw)
	case '[':
		w.array(f, raw)
	case '"':
		before := len(w.found)
		v := value{f, siblings, sent, content(raw)}
		if w.text(v); len(w.found) == before {
			w.covered(v)
		}
	case '0':
		w.judge(value{f, siblings, sent, raw})
	}
}

// object judges the members of an object in the order of its table.
func (w *walker) object(f *field, siblings *members, raw jsontext.Value) {
	m, err := readObject(f.members, siblings, raw)
	if err != nil {
		// The reader's own error would quote the request.
		w.report(ruleSyntax, "must be valid JSON without duplicate names; send %s", f.wanted())
		return
	}
	for i := range f.members.fields {
		w.member(&f.members.fields[i], m, m.values[i])
		for _, a := range m.aliases {
			if a.field == i {
				w.alias(&f.members.fields[i], m.values[i], a)
			}
		}
		for _, l := range m.lookAlikes {
			if l.field == i {
				w.lookAlike(f.members.fields[i].name, l.name)
			}
		}
	}
}

// alias judges a member that stands for a field under another name. It must have the same
// value as the field itself.
func (w *walker) alias(f *field, own jsontext.Value, a member) {
	if saysNothing(a.value) {
		return
	}
	if equal(own, a.value) {
		w.enter(step{name: f.name})
		w.dispute(&dispute{rule: ruleLookAlike, source: f.aliasSource(a.name)})
		w.leave()
		return
	}
	pointer := w.pointer().AppendToken(a.name)
	w.enter(step{name: f.name})
	w.reportAt(pointer, ruleLookAlike, "must be equal to %s, by which some clients write it; send one of them", a.name)
	w.leave()
}

// member judges one row of a table: whether the field is present, and its value. null counts
// as absent, since serialisers write it for absent values by default.
func (w *walker) member(f *field, siblings *members, raw jsontext.Value) {
	if raw != nil && raw.Kind() != 'n' {
		w.value(f, siblings, raw)
		return
	}
	w.enter(step{name: f.name})
	w.absent(f, siblings)
	w.leave()
}

// absent judges a field that was not sent, at the current position.
func (w *walker) absent(f *field, siblings *members) {
	required, ok := f.needed(siblings)
	if !ok {
		return
	}
	if d := f.disputed(ruleRequired, siblings); d != nil {
		w.dispute(d)
		return
	}
	w.report(ruleRequired, "%s; send %s", required, f.wantedOrElse())
}

// text judges a decoded string.
func (w *walker) text(v value) {
	f, s := v.field, v.content
	if len(s) == 0 && (f.required || f.name != "") {
		w.empty(v)
		return
	}
	// A code point takes at least one byte, so most texts need no counting.
	if f.maxLength > 0 && len(s) > f.maxLength {
		w.length(v, utf8.RuneCount(s))
	}
	if f.enum != nil && !slices.Contains(f.enum, string(s)) {
		d := f.disputed(ruleEnum, v.siblings)
		if !d.covers(s) {
			d = nil
		}
		w.reportUnless(d, ruleEnum, "must be %s", f.wanted())
	}
	w.judge(v)
}

// length judges the number of characters of a string.
func (w *walker) length(v value, n int) {
	limit := v.field.maxLength
	d := v.field.disputed(ruleMaxLength, v.siblings)
	if d != nil && n > d.limit {
		limit, d = d.limit, nil
	}
	if n > limit {
		w.reportUnless(d, ruleMaxLength, "must have at most %d characters, but %d were sent; send %s", limit, n, v.field.wanted())
	}
}

// empty judges an empty string, which some clients send for a member that they do not have.
func (w *walker) empty(v value) {
	if required, ok := v.field.needed(v.siblings); ok {
		w.reportUnless(v.field.disputed(ruleRequired, v.siblings), ruleRequired, "%s and must not be empty; send %s", required, v.field.wantedOrElse())
	}
}

// judge applies the row's own check.
func (w *walker) judge(v value) {
	if v.field.check != nil {
		v.field.check.judge(w, v)
	}
}

// array judges every element by the same row.
func (w *walker) array(f *field, raw jsontext.Value) {
	elements, err := readArray(raw)
	if err != nil {
		w.report(ruleSyntax, "must be valid JSON; send %s", f.wanted())
		return
	}
	for i, e := range elements {
		if len(w.found) == maxViolations {
			return // no further violation would be listed
		}
		w.enter(step{index: i})
		w.value(f.items, nil, e)
		w.leave()
	}
}

// lookAlike reports a member that could be taken for the field want. The pointer contains the
// name as sent; the message names only the field.
func (w *walker) lookAlike(want, got string) {
	pointer := w.pointer().AppendToken(got)
	w.enter(step{name: want})
	w.reportAt(pointer, ruleLookAlike,
		`must be spelt exactly like this; rename the member that differs from %s only in letter case, spaces, "_" or "-"`, want)
	w.leave()
}

// dispute records a rule that is broken at the current position, but contradicted.
func (w *walker) dispute(d *dispute) {
	if len(w.disputes) < maxViolations {
		w.disputes = append(w.disputes, Dispute{Row: w.row(), Rule: d.rule, Source: string(d.source)})
	}
}

// reportUnless is report, unless another source contradicts the rule.
func (w *walker) reportUnless(d *dispute, rule, sentence string, args ...any) {
	if d != nil {
		w.dispute(d)
		return
	}
	w.report(rule, sentence, args...)
}

// report adds a violation by the value at the current position. The sentence continues after
// the field's dotted name.
func (w *walker) report(rule, sentence string, args ...any) {
	w.reportAt(w.pointer(), rule, sentence, args...)
}

// reportAt is report for a member other than the one that the message is about.
func (w *walker) reportAt(pointer jsontext.Pointer, rule, sentence string, args ...any) {
	if len(w.found) == maxViolations {
		return
	}
	w.found = append(w.found, Violation{
		Field:   string(pointer),
		Rule:    rule,
		Row:     w.row(),
		Message: w.dotted() + " " + fmt.Sprintf(sentence, args...),
	})
}

// enter moves to a member or an element.
func (w *walker) enter(s step) { w.at = append(w.at, s) }

// leave moves back to the value around the current one.
func (w *walker) leave() { w.at = w.at[:len(w.at)-1] }

// pointer returns the current position as an RFC 6901 JSON Pointer.
func (w *walker) pointer() jsontext.Pointer {
	var p jsontext.Pointer
	for _, s := range w.at {
		if s.name == "" {
			s.name = strconv.Itoa(s.index)
		}
		p = p.AppendToken(s.name)
	}
	return p
}

// dotted returns the current position in the notation of PayerMax's tables.
func (w *walker) dotted() string {
	var b strings.Builder
	for i, s := range w.at {
		switch {
		case s.name == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// row returns the current position as the name of a row, which does not depend on the
// request.
func (w *walker) row() string {
	var b strings.Builder
	for i, s := range w.at {
		switch {
		case s.name == "":
			b.WriteString("[]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}
