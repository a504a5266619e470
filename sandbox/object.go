package sandbox

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// object is a JSON object whose members are kept as the text that was sent. Unlike with a struct, member names are
// matched exactly, and numbers keep every digit. Of duplicate members the last one counts, as in most JSON parsers;
// PayerMax does not document how it treats them, so they are a deviation.
type object map[string]json.RawMessage

// readObject parses a JSON text that must be an object. It also checks for UTF-8, which PayerMax uses ("Communication
// protocols" page) and encoding/json does not insist on.
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

// typeOf returns the type of a JSON value, as named in the tables of PayerMax's interface pages. The value must be
// valid JSON without leading white space.
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

// sent reports whether a member is present and not null. PayerMax's messages do not distinguish null from absent.
func (o object) sent(name string) bool {
	raw, sent := o[name]
	return sent && typeOf(raw) != "null"
}

// has reports whether an optional member has a value. "" counts as absent, whatever the member's type: PayerMax's own
// examples have it for members that they leave open.
func (o object) has(name string) bool {
	return o.sent(name) && string(o[name]) != `""`
}

// require refuses the first of the named members that is absent or null. It does not check their values.
func (o object) require(names ...string) *refusal {
	for _, name := range names {
		if !o.sent(name) {
			return isNull(name)
		}
	}
	return nil
}

// str returns a string member of any length, or "" if it is absent.
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

// text returns a string member of low to high characters, or "" if it is absent. Characters are code points, as for
// OpenAPI's maxLength, not bytes.
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

// member is a string member of low to high characters. Its value is stored in to, unless that is nil.
type member struct {
	name      string
	low, high int
	to        *string
}

// read reads string members, and refuses the first one that is invalid.
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

// object returns an object member, which must be present.
func (o object) object(name string) (object, *refusal) {
	if refused := o.require(name); refused != nil {
		return nil, refused
	}
	return readObject(name, o[name])
}

// boolean returns a boolean member, or false if it is absent. PayerMax's Java SDK sends some booleans as strings.
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

// texts returns an array member whose elements must all be strings, or nil if it is absent.
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
		// Unmarshal would accept null and leave the string empty.
		if err := json.Unmarshal(raw, &texts[i]); err != nil || typeOf(raw) == "null" {
			return nil, wrongType(name, "array[string]", "array["+typeOf(raw)+"]")
		}
	}
	return texts, nil
}

// oneOf refuses a string member that has a value other than the given ones.
func (o object) oneOf(name string, values ...string) *refusal {
	text, refused := o.str(name)
	if refused != nil || !o.has(name) || slices.Contains(values, text) {
		return refused
	}
	return wrongType(name, strings.Join(values, " or "), text)
}
