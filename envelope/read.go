package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deeply arrays and objects may be nested, the envelope itself
// counted as the first level. PayerMax's own tables go five levels deep.
const maxDepth = 32

// maxExponent bounds a number's exponent to what fits an IEEE 754 double, the
// range that RFC 8259, section 6, calls interoperable. A longer one is a few
// bytes here and gigabytes in a receiver that expands it.
const maxExponent = 308

// Envelope is an application's request, read and understood but not yet
// filled. It refers to the bytes it was read from, which must not change.
type Envelope struct {
	members []member
	data    []byte
}

// member is one member of the envelope other than data.
type member struct {
	name  string // unescaped
	value jsontext.Value
}

// Error says why a request cannot become a signed call. Its text names what to
// change and never repeats a value from the request, so that it can be shown to
// the application and be logged.
type Error struct {
	// Field is a JSON Pointer (RFC 6901) to the offending place; empty for
	// the document as a whole.
	Field string
	// Rule is one word for machines: json, utf8, duplicate, depth, number,
	// required, type, maxLength, mismatch, lookAlike or reserved.
	Rule string
	// Message is one sentence for people.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Read understands body, which must be exactly one JSON object with an object
// named data. It accepts a strict subset of RFC 8259 (in fact of RFC 7493): the
// text is valid UTF-8 without a byte order mark, no object has two members of
// one name, no name is one that Java's parsers act upon, nesting and exponents
// are bounded, and nothing follows the object.
//
// PayerMax's parser is more lenient than that, and two parsers that disagree
// about a payment are how a validated request turns into another one.
func Read(body []byte) (*Envelope, error) {
	if err := checkText(body); err != nil {
		return nil, err
	}

	r := reader{body: body, dec: openDecoder(body)}
	defer r.dec.close()
	if r.dec.PeekKind() != '{' {
		return nil, r.notAnObject()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, r.syntaxError(err)
	}

	e := new(Envelope)
	for r.dec.PeekKind() == '"' {
		if err := r.readMember(e); err != nil {
			return nil, err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, r.syntaxError(err)
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &Error{Rule: "json", Message: fmt.Sprintf(
			"the body must be one JSON object and nothing after it, but something follows it at byte %d", r.offset(err))}
	}

	if e.data == nil {
		return nil, &Error{Field: "/data", Rule: "required", Message: `data is missing; send the business fields as {"data":{...}}`}
	}
	return e, nil
}

// Data returns the data member exactly as the application sent it, without
// surrounding white space.
func (e *Envelope) Data() []byte { return e.data }

// checkText refuses what is not JSON text at all, in words that say so: a JSON
// reader could only call each of these an unexpected character.
func checkText(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return &Error{Rule: "json", Message: `the body is empty; send a JSON object such as {"data":{...}}`}
	}
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return &Error{Rule: "utf8", Message: "the body begins with a byte order mark; send UTF-8 without one"}
	}
	if !utf8.Valid(body) {
		return &Error{Rule: "utf8", Message: fmt.Sprintf(
			"the body is not valid UTF-8 at byte %d; encode it as UTF-8", firstInvalid(body))}
	}
	return nil
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

// reader walks one body.
type reader struct {
	body []byte
	dec  *decoder
}

// readMember reads one member of the outermost object into e.
func (r reader) readMember(e *Envelope) error {
	token, err := r.dec.ReadToken()
	if err != nil {
		return r.syntaxError(err)
	}
	name := token.String()
	if isReserved(name) {
		return r.reserved()
	}
	if known := lookAlike(name); known != "" {
		return &Error{Field: r.field(), Rule: "lookAlike", Message: fmt.Sprintf(
			"%s is not a member of PayerMax's envelope but can be mistaken for %s; write %s, or leave it out", name, known, known)}
	}

	kind := r.dec.PeekKind()
	value, err := r.readValue()
	if err != nil {
		return err
	}
	if name != "data" {
		e.members = append(e.members, member{name, value})
		return nil
	}
	if kind != '{' {
		return &Error{Field: "/data", Rule: "type", Message: "data must be an object, but is " + describe(kind)}
	}
	e.data = value
	return nil
}

// readValue reads one whole value and returns its bytes. It reads token by
// token, since the bounds on depth and exponents, and on what a member may be
// called, hold at every level.
func (r reader) readValue() ([]byte, error) {
	outside := r.dec.StackDepth()
	start := -1
	for {
		kind := r.dec.PeekKind()
		switch kind {
		case '{', '[', '}', ']':
			if _, err := r.dec.ReadToken(); err != nil {
				return nil, r.syntaxError(err)
			}
			if start < 0 {
				start = int(r.dec.InputOffset()) - 1
			}
			if r.dec.StackDepth() > maxDepth {
				return nil, &Error{Field: r.field(), Rule: "depth", Message: fmt.Sprintf(
					"the body is nested more than %d levels deep; no PayerMax request needs that", maxDepth)}
			}
		default:
			value, err := r.dec.ReadValue()
			if err != nil {
				return nil, r.syntaxError(err)
			}
			if start < 0 {
				start = int(r.dec.InputOffset()) - len(value)
			}
			if kind == '"' && r.isName() && quotedNameIsReserved(value) {
				return nil, r.reserved()
			}
			if kind == '0' && !exponentInRange(value) {
				return nil, &Error{Field: r.field(), Rule: "number", Message: fmt.Sprintf(
					"%s has an exponent beyond %d; write the number out", dotted(r.field()), maxExponent)}
			}
		}
		if r.dec.StackDepth() == outside {
			return r.body[start:r.dec.InputOffset()], nil
		}
	}
}

// exponentInRange reports whether the exponent of a JSON number, if it has one,
// is at most maxExponent either way.
func exponentInRange(number []byte) bool {
	i := bytes.IndexAny(number, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(string(number[i+1:]))
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}

// field returns the JSON Pointer of the value that was read last.
func (r reader) field() string { return string(r.dec.StackPointer()) }

// notAnObject says what stands where the object should.
func (r reader) notAnObject() *Error {
	kind := r.dec.PeekKind()
	if kind == 0 {
		_, err := r.dec.ReadToken()
		return r.syntaxError(err)
	}
	return &Error{Rule: "type", Message: `the body must be a JSON object such as {"data":{...}}, but is ` + describe(kind)}
}

// syntaxError puts the reader's complaint in words of our own: its text quotes
// the input, which may be somebody's name or card.
func (r reader) syntaxError(err error) *Error {
	var syntactic *jsontext.SyntacticError
	switch {
	case !errors.As(err, &syntactic):
		return &Error{Rule: "json", Message: "the body is not valid JSON"}
	case errors.Is(err, jsontext.ErrDuplicateName):
		field := string(syntactic.JSONPointer)
		return &Error{Field: field, Rule: "duplicate", Message: fmt.Sprintf(
			"%s appears twice in one object; send each member once", dotted(field))}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Field: string(syntactic.JSONPointer), Rule: "json", Message: fmt.Sprintf(
			"the body is not valid JSON: it ends too early, at byte %d", syntactic.ByteOffset)}
	default:
		return &Error{Field: string(syntactic.JSONPointer), Rule: "json", Message: fmt.Sprintf(
			"the body is not valid JSON at byte %d", syntactic.ByteOffset)}
	}
}

// offset returns where the error lies, or where the reader stands.
func (r reader) offset(err error) int64 {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return syntactic.ByteOffset
	}
	return r.dec.InputOffset() - 1
}

// dotted writes a JSON Pointer the way PayerMax's own messages name a field:
// /data/goodsDetails/0 becomes data.goodsDetails.0.
func dotted(field string) string {
	return strings.ReplaceAll(strings.TrimPrefix(field, "/"), "/", ".")
}

// describe names the kind of a JSON value for a sentence.
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
