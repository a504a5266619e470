package sandbox

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// object is a JSON object whose members are still the text that was sent. Member names are matched exactly, which a
// struct would not do, and numbers keep every digit. Of members with one name the last counts, as in most JSON readers;
// what PayerMax makes of them is not documented, and they are a deviation.
type object map[string]json.RawMessage

// readObject reads a whole JSON text that must be an object. PayerMax exchanges UTF-8 ("Communication protocols" page),
// which encoding/json does not insist on.
func readObject(field string, raw []byte) (object, *refusal) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, wrongType(field, "object", "not JSON")
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, wrongType(field, "object", typeOf(bytes.TrimLeft(raw, " \t\r\n")))
	}
	return o, nil
}

// typeOf names the type of a JSON value, by PayerMax's names in the tables of the interface pages. The value must be
// valid JSON and start at the first byte.
func typeOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// sent reports whether a member is there. One that is null is not: PayerMax's messages know no difference.
func (o object) sent(name string) bool {
	raw, sent := o[name]
	return sent && typeOf(raw) != "null"
}

// has reports whether a member that may be left out says anything. "" does not, whatever its type: PayerMax's own examples
// have it for what they leave open.
func (o object) has(name string) bool {
	return o.sent(name) && string(o[name]) != `""`
}

// require refuses the first of the named members that is not there. What is in it is for whoever reads it.
func (o object) require(names ...string) *refusal {
	for _, name := range names {
		if !o.sent(name) {
			return isNull(name)
		}
	}
	return nil
}

// str returns a string member of any length, or "" when it is not there.
func (o object) str(name string) (string, *refusal) {
	if !o.sent(name) {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(o[name], &s); err != nil {
		return "", wrongType(name, "string", typeOf(o[name]))
	}
	return s, nil
}

// text returns a string member of low to high characters, or "" when it is not there. Characters are counted as
// OpenAPI's maxLength counts them: code points, not bytes.
func (o object) text(name string, low, high int) (string, *refusal) {
	s, refused := o.str(name)
	if refused != nil || !o.sent(name) {
		return "", refused
	}
	if n := utf8.RuneCountInString(s); n < low || n > high {
		return "", wrongLength(name, low, high, n)
	}
	return s, nil
}

// member is a string member of low to high characters, and where to put it; nil when nobody needs it.
type member struct {
	name      string
	low, high int
	to        *string
}

// read reads string members, and refuses the first that is not as it should be.
func (o object) read(members ...member) *refusal {
	for _, m := range members {
		text, refused := o.text(m.name, m.low, m.high)
		if refused != nil {
			return refused
		}
		if m.to != nil {
			*m.to = text
		}
	}
	return nil
}

// object returns an object member, which must be there.
func (o object) object(name string) (object, *refusal) {
	if refused := o.require(name); refused != nil {
		return nil, refused
	}
	return readObject(name, o[name])
}

// boolean returns a boolean member, or false when it is not there. PayerMax's Java SDK has some as text.
func (o object) boolean(name string, d *deviations) (bool, *refusal) {
	if !o.has(name) {
		return false, nil
	}
	switch text := string(o[name]); text {
	case "true", "false":
		return text == "true", nil
	case `"true"`, `"false"`:
		if d.allow(name + " is a string instead of a boolean") {
			return text == `"true"`, nil
		}
	}
	return false, wrongType(name, "boolean", typeOf(o[name]))
}

// texts returns an array member whose elements must all be strings, or nil when it is not there.
func (o object) texts(name string) ([]string, *refusal) {
	if !o.has(name) {
		return nil, nil
	}
	var values []json.RawMessage
	if err := json.Unmarshal(o[name], &values); err != nil {
		return nil, wrongType(name, "array[string]", typeOf(o[name]))
	}
	texts := make([]string, len(values))
	for i, raw := range values {
		// null would leave the string empty without an error.
		if err := json.Unmarshal(raw, &texts[i]); err != nil || typeOf(raw) == "null" {
			return nil, wrongType(name, "array[string]", "array["+typeOf(raw)+"]")
		}
	}
	return texts, nil
}

// oneOf refuses a string member that is there and none of the given values.
func (o object) oneOf(name string, values ...string) *refusal {
	text, refused := o.str(name)
	if refused != nil || !o.has(name) || slices.Contains(values, text) {
		return refused
	}
	return wrongType(name, strings.Join(values, " or "), text)
}
