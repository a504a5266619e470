package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// field is one row of a PayerMax field table. The first columns are PayerMax's own: Field,
// Type, Required, Constraints (maxLength) and Enum.
type field struct {
	name      string
	kind      kind
	required  bool     // must be present, not null and, for text, not empty
	maxLength int      // in Unicode code points; 0 when the table names none
	enum      []string // the words that are accepted

	// source is where the row is from. By default it is the table's source.
	source source

	// disputes are the columns that another source of PayerMax contradicts.
	disputes []dispute

	// aliases are other names that clients of PayerMax's gateway send for the field, instead
	// of its own name or beside it.
	aliases []alias

	// decides marks a field that decides whose money is moved, whether it is moved, or who is
	// notified: a member that resembles such a field is refused. Amounts, their currencies,
	// fields that the contract covers, and the objects around any of these need no mark.
	decides bool

	// requiredWhen makes the field required depending on what else was sent. PayerMax's
	// tables say so in the Description column.
	requiredWhen *condition

	// check judges what the columns cannot express about text and numbers: formats, and rules
	// that need the value of another field. It is only called with values of the right kind.
	check *check

	// moves marks an amount that this call moves, or authorises to be moved
	// later. It names the field of the same object that holds its currency.
	moves string

	// announced marks an amount with moves that this call only shows to the user, and that
	// another call moves.
	announced bool

	// covered names the part of the merchant's contract that limits the value.
	covered part

	items   *field // what each element of an array must be
	members *table // what the fields of an object must be

	// expects says what to send, in words that complete "send ..." and "must be ...". It is
	// omitted if the columns suffice.
	expects string

	// otherwise says what else can be done if the field is missing. It follows "or".
	otherwise string
}

// wanted completes "send ..." and "must be ...", from the columns unless expects is set.
func (f *field) wanted() string {
	switch {
	case f.expects != "":
		return f.expects
	case f.enum != nil:
		return alternatives(f.enum)
	case f.kind != text:
		return f.kind.String()
	case f.maxLength == 0 && f.required:
		return "a string that is not empty"
	case f.maxLength == 0:
		return "a string"
	case f.required:
		return fmt.Sprintf("a string of 1 to %d characters", f.maxLength)
	default:
		return fmt.Sprintf("a string of at most %d characters", f.maxLength)
	}
}

// wantedOrElse completes "send ..." if nothing was sent.
func (f *field) wantedOrElse() string {
	if f.otherwise == "" {
		return f.wanted()
	}
	return f.wanted() + ", or " + f.otherwise
}

// alternatives formats words as "A", "A or B" or "A, B or C".
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// alias is another name of a field.
type alias struct {
	name   string
	source source
}

// check judges the content of one field.
type check struct {
	// rules are the words of Violation.Rule that judge can report.
	rules []string
	judge func(w *walker, v value)
}

// value is what a check sees of a field that was sent.
type value struct {
	field *field

	// siblings are the fields of the same object.
	siblings *members

	// sent is the JSON kind, which matters for a field that accepts both numbers and strings.
	sent jsontext.Kind

	// content is the decoded text of a string, or the literal of a number as sent.
	content []byte
}

// kind is the JSON type of a field, the Type column of PayerMax's tables.
type kind uint8

const (
	text    kind = iota // string
	number              // number
	boolean             // boolean
	array               // array[...]
	object              // object
)

// String completes the sentence "must be ...".
func (k kind) String() string {
	return [...]string{"a string", "a JSON number", "true or false", "an array", "an object"}[k]
}

// accepts reports whether a field of kind k accepts a JSON value of the kind sent.
func (k kind) accepts(sent jsontext.Kind) bool {
	switch k {
	case text:
		return sent == '"'
	case number:
		return sent == '0'
	case boolean:
		return sent == 't' || sent == 'f'
	case array:
		return sent == '['
	default:
		return sent == '{'
	}
}

// nameOf completes the sentence "but ... was sent".
func nameOf(sent jsontext.Kind) string {
	switch sent {
	case 'n':
		return "null"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case '[':
		return "an array"
	default:
		return "an object"
	}
}

// table is the field table of one object, with its rows in PayerMax's order.
type table struct {
	fields  []field
	byName  map[string]int
	byAlias map[string]int
	names   *lookalike.Names // finds names that could be taken for one of the fields

	// money marks the fields that Amounts has to understand: amounts that are moved, their
	// currencies, and the objects that contain them.
	money []bool

	// deciding marks the fields for which no other member may be mistaken.
	deciding []bool
}

// newTable indexes the rows of a table. Rows without a source get the table's.
func newTable(from source, fields ...field) *table {
	t := &table{
		fields:   fields,
		byName:   make(map[string]int, len(fields)),
		byAlias:  make(map[string]int),
		money:    make([]bool, len(fields)),
		deciding: make([]bool, len(fields)),
	}
	var names []string
	for i := range fields {
		f := &fields[i]
		if f.source == "" {
			f.source = from
		}
		if f.items != nil && f.items.source == "" {
			f.items.source = f.source
		}
		t.byName[f.name] = i
		names = append(names, f.name)
		for _, a := range f.aliases {
			t.byAlias[a.name] = i
		}
	}
	t.names = lookalike.NewNames(names...)
	for i := range fields {
		f := &fields[i]
		switch {
		case f.moves != "":
			t.money[i], t.money[t.byName[f.moves]] = true, true
		case f.members != nil:
			t.money[i] = f.members.movesMoney()
		}
	}
	for i := range fields {
		t.deciding[i] = t.money[i] || fields[i].decidesAnything()
	}
	return t
}

// decidesAnything reports whether the field, or a field inside it, is marked with decides or
// limited by the contract.
func (f *field) decidesAnything() bool {
	switch {
	case f.decides || f.covered != anything:
		return true
	case f.items != nil:
		return f.items.decidesAnything()
	default:
		return f.members != nil && slices.Contains(f.members.deciding, true)
	}
}

// movesMoney reports whether the table has an amount that is moved.
func (t *table) movesMoney() bool { return slices.Contains(t.money, true) }

// lookAlike finds the field that a name could be taken for, if the name is not that of a
// field itself: `totalamount`, `user_id`, `Currency`. It only looks for fields that decide
// about money or identity.
//
// PayerMax could read such a member as the real field, although it passed here as an unknown
// member that no rule looks at.
func (t *table) lookAlike(name []byte) (index int, ok bool) {
	index, ok = t.names.Find(name)
	return index, ok && t.deciding[index]
}
