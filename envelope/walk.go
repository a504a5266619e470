package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// maxDepth is how deeply arrays and objects may be nested, including the envelope itself
// as the first level. PayerMax's own tables have five levels. Python and PHP give up at
// some hundreds, and other parsers have no limit.
const maxDepth = 32

// reader reads a text, which must consist of one JSON object, and refuses everything that
// parsers may read differently. It reads token by token, since that can be at any level.
type reader struct {
	body []byte
	dec  *decoder
	// decides says that the last name that was read is in decisive, so that all parsers
	// must read the same number as its value.
	decides bool
	// decisive are the names that decide the meaning of the text.
	decisive *lookalike.Names
}

// openReader starts to read a text. The decisive names decide what it means, so the
// reader refuses other names that a parser could take for one of them.
func openReader(body []byte, decisive *lookalike.Names) *reader {
	return &reader{body: body, dec: openDecoder(body), decisive: decisive}
}

func (r *reader) close() { r.dec.close() }

// members calls f for each member of the outermost object. The name is unescaped; the
// value is a slice of the text.
func (r *reader) members(f func(name string, value jsontext.Value) error) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntaxError(err)
	}
	for r.dec.PeekKind() == '"' {
		quoted, err := r.dec.readValue()
		if err != nil {
			return r.syntaxError(err)
		}
		if err := r.name(quoted); err != nil {
			return err
		}
		value, err := r.readValue()
		if err != nil {
			return err
		}
		if err := f(textOf(quoted), value); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntaxError(err)
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return unreadable("json", fmt.Sprintf("has more after its JSON object, at byte %d", r.offset(err)),
			"one object and nothing after it", "send one object and nothing after it")
	}
	return nil
}

// readValue reads one complete value and returns its bytes.
func (r *reader) readValue() (jsontext.Value, error) {
	outside := r.dec.StackDepth()
	start := -1
	for {
		value, err := r.step()
		if err != nil {
			return nil, err
		}
		if start < 0 {
			start = int(r.dec.InputOffset()) - len(value)
		}
		if r.dec.StackDepth() == outside {
			return r.body[start:r.dec.InputOffset()], nil
		}
	}
}

// step reads a bracket, a name or a scalar value.
func (r *reader) step() (jsontext.Value, error) {
	kind := r.dec.PeekKind()
	switch kind {
	case '{', '[', '}', ']':
		if _, err := r.dec.ReadToken(); err != nil {
			return nil, r.syntaxError(err)
		}
		return r.body[r.dec.InputOffset()-1 : r.dec.InputOffset()], r.bracket()
	}
	value, err := r.dec.readValue()
	if err != nil {
		return nil, r.syntaxError(err)
	}
	switch {
	case kind == '"' && r.dec.isAtName():
		err = r.name(value)
	case kind == '0':
		err = r.number(value)
	}
	return value, err
}

// bracket checks the depth at the beginning or the end of an object or array.
func (r *reader) bracket() error {
	if r.dec.StackDepth() > maxDepth {
		return &Error{Field: r.field(), Rule: "depth", Message: fmt.Sprintf(
			"the body is nested more than %d levels deep; no PayerMax request needs that", maxDepth)}
	}
	return nil
}

// name checks the name of a member.
func (r *reader) name(quoted jsontext.Value) error {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(textOf(quoted))
	}
	if isReserved(name) {
		return r.reserved()
	}
	known := r.decisive.Known(name)
	r.decides = known != ""
	if r.decides && known != string(name) {
		meant := r.dec.StackPointer().Parent().AppendToken(known)
		return &Error{Field: r.field(), Rule: "lookAlike", Message: fmt.Sprintf(
			`%s must be spelt exactly like this; rename the member that differs from %s only in letter case, spaces, "_" or "-"`,
			dotted(string(meant)), known), mistaken: known}
	}
	return nil
}

// field returns the JSON Pointer of the value that was read last.
func (r *reader) field() string { return string(r.dec.StackPointer()) }

// syntaxError replaces the decoder's error by one in our own words. The decoder's text
// quotes the input, which may be somebody's name or card number.
func (r *reader) syntaxError(err error) *Error {
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return unreadable("json", "is not valid JSON", "", "")
	}
	field, at := string(syntactic.JSONPointer), syntactic.ByteOffset
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return &Error{Field: field, Rule: "duplicate", Message: fmt.Sprintf(
			"%s appears twice in one object; send each member once", dotted(field))}
	}
	var problem *Error
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		problem = unreadable("json", fmt.Sprintf("is not valid JSON: it ends too early, at byte %d", at), "", "")
	case isSurrogate(r.body[min(int64(len(r.body)), at):]):
		problem = unreadable("json", fmt.Sprintf("has half of a surrogate pair at byte %d", at), "both halves of the character",
			"write the character itself, or both halves of it")
	default:
		problem = unreadable("json", fmt.Sprintf("is not valid JSON at byte %d%s", at, mistake(r.body, at, syntactic.Err.Error())), "", "")
	}
	problem.Field = field
	return problem
}

// isSurrogate reports whether a text begins with the escape of a surrogate, which is half
// of a surrogate pair: \uD800 to \uDFFF.
func isSurrogate(text []byte) bool {
	const prefix = `\ud`
	return len(text) > len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix) && strings.IndexByte("89abABcdefCDEF", text[len(prefix)]) >= 0
}

// offset returns the byte offset of the error or, if the error has none, that of the last
// byte read.
func (r *reader) offset(err error) int64 {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntactic.ByteOffset
	}
	return r.dec.InputOffset() - 1
}
