package envelope

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// Envelope is an application's request, parsed but not yet filled in. It refers to the
// bytes that it was read from, which must not change.
type Envelope struct {
	members []member
	data    []byte
}

// member is one member of the envelope other than data.
type member struct {
	name  string // unescaped
	value jsontext.Value
}

// Error says why a request cannot become a signed call. Its text names what to change and
// never repeats a value from the request, so it can be sent to the application and
// logged.
type Error struct {
	// Field is a JSON Pointer (RFC 6901) to the member that is wrong; empty for the
	// document as a whole.
	Field string
	// Rule is one word for machines: json, utf8, duplicate, depth, number,
	// required, type, maxLength, mismatch, lookAlike or reserved.
	Rule string
	// Message is one sentence for people.
	Message string

	mistaken string // the member that another one could be taken for
	found    string // what is wrong with the text, to follow "the body" or "it", if no parser can read it
	expected string // what the text should be, or "" if found says that
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Read parses body, which must be exactly one JSON object with an object named data. It
// accepts a strict subset of RFC 8259 (and even of RFC 7493): the text is valid UTF-8
// without a byte order mark; no object has two members with the same name; no name has a
// special meaning to parsers, or could be mistaken for the name of an amount, a currency
// or an order number; nesting and numbers are bounded; amounts do not change in a parser
// that reads numbers as doubles; and nothing follows the object.
//
// PayerMax's parser is more lenient. If the two parsers disagreed about a payment,
// PayerMax could execute another request than the one that was validated.
func Read(body []byte) (*Envelope, error) {
	e := new(Envelope)
	if err := readMembers(body, decisiveInRequests, e.take); err != nil {
		return nil, err
	}
	if e.data == nil {
		return nil, &Error{Field: "/data", Rule: "required", Message: `data is missing; send the business fields as {"data":{...}}`}
	}
	return e, nil
}

// Data returns the data member exactly as the application sent it, without
// surrounding white space.
func (e *Envelope) Data() []byte { return e.data }

// checkText refuses texts that are not JSON at all, with errors that say what they are. A
// JSON parser could only report an unexpected character.
func checkText(body []byte) error {
	switch trimmed := bytes.TrimSpace(body); {
	case len(trimmed) == 0:
		return unreadable("json", "is empty", "a JSON object", `send a JSON object such as {"data":{...}}`)
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return unreadable("utf8", "begins with a byte order mark", "UTF-8 without one", "send UTF-8 without one")
	case trimmed[0] == '<':
		return unreadable("json", "is HTML or XML", "a JSON object", `send a JSON object such as {"data":{...}}`)
	case bytes.HasPrefix(body, []byte("\x1f\x8b")):
		return unreadable("utf8", "is compressed with gzip", "a JSON object", "send it as it is, without compression")
	case !utf8.Valid(body):
		return unreadable("utf8", fmt.Sprintf("is not valid UTF-8 at byte %d", firstInvalid(body)), "", "encode it as UTF-8")
	}
	return nil
}

// unreadable returns the error for a text that cannot be parsed: what is wrong with it,
// what was expected, and what an application should do instead, or "" if that is obvious.
func unreadable(rule, found, expected, remedy string) *Error {
	message := "the body " + found
	if remedy != "" {
		message += "; " + remedy
	}
	return &Error{Rule: rule, Message: message, found: found, expected: expected}
}

// firstInvalid returns the offset of the first byte that is not UTF-8.
func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// take processes one member of the envelope, which r has just read.
func (e *Envelope) take(r *reader, name string, value jsontext.Value) error {
	if known := lookAlike(name); known != "" {
		return &Error{Field: r.field(), Rule: "lookAlike", Message: fmt.Sprintf(
			"%s is not a member of PayerMax's envelope but can be mistaken for %s; write %s, or leave it out", name, known, known)}
	}
	if name != "data" {
		e.members = append(e.members, member{name, value})
		return nil
	}
	if kind := value.Kind(); kind != '{' {
		return &Error{Field: "/data", Rule: "type", Message: "data must be an object, but is " + describe(kind) + insteadOf(kind)}
	}
	e.data = value
	return nil
}

// readMembers calls f for each member of the JSON object that body must consist of.
func readMembers(body []byte, decisive *lookalike.Names, f func(r *reader, name string, value jsontext.Value) error) error {
	if err := checkText(body); err != nil {
		return err
	}
	r := openReader(body, decisive)
	defer r.close()
	if r.dec.PeekKind() != '{' {
		return r.notAnObject()
	}
	return r.members(func(name string, value jsontext.Value) error { return f(r, name, value) })
}

// notAnObject returns the error for a text that begins with something other than an
// object.
func (r *reader) notAnObject() *Error {
	kind := r.dec.PeekKind()
	if _, err := r.dec.ReadToken(); err != nil { // the kind depends only on the first character, so this may not be a value at all
		return r.syntaxError(err)
	}
	return unreadable("type", "is "+describe(kind), "a JSON object", `send a JSON object such as {"data":{...}}`)
}

// dotted converts a JSON Pointer to the form in which PayerMax's own messages name a
// field: /data/goodsDetails/0 becomes data.goodsDetails.0.
func dotted(field string) string {
	return strings.ReplaceAll(strings.TrimPrefix(field, "/"), "/", ".")
}

// insteadOf returns the end of the error about a value that is not an object: what to
// send instead.
func insteadOf(kind jsontext.Kind) string {
	if kind == '"' {
		return "; send the object itself, without quotes around it"
	}
	return "; send an object"
}

// describe returns the kind of a JSON value in words.
func describe(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	default:
		return "null"
	}
}
