package validate

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// members holds the raw values of one object in the order of its table, so that a rule can
// look at other fields wherever they are in the text.
//
// The methods that look up fields may be called on nil, which has no fields.
type members struct {
	table      *table
	parent     *members         // the fields of the object around this one; nil around the block, and in an array
	values     []jsontext.Value // in the table's order; nil when absent
	aliases    []member         // values sent under another name of a field
	lookAlikes []lookAlike
}

// member is a value that was sent under another name of a field.
type member struct {
	field int
	name  string
	value jsontext.Value
}

// lookAlike is a member that could be taken for a field of the table.
type lookAlike struct {
	field int
	name  string
}

// value returns the raw value of a field, or nil when it is absent or the table
// has no such field.
func (m *members) value(name string) jsontext.Value {
	if m == nil {
		return nil
	}
	if i, ok := m.table.byName[name]; ok {
		return m.values[i]
	}
	return nil
}

// has reports whether a field was sent with a value other than null.
func (m *members) has(name string) bool {
	raw := m.value(name)
	return raw != nil && raw.Kind() != 'n'
}

// filled reports whether a field was sent with a value other than null and "".
// PayerMax's own examples send "" for what they do not specify.
func (m *members) filled(name string) bool {
	return !saysNothing(m.value(name))
}

// text returns the decoded text of a field, or nil if it is absent or not a string.
func (m *members) text(name string) []byte {
	if raw := m.value(name); raw.Kind() == '"' {
		return content(raw)
	}
	return nil
}

// isTrue reports whether a field was sent as true, or as "true", as some clients do.
func (m *members) isTrue(name string) bool {
	return m.value(name).Kind() == 't' || string(m.text(name)) == "true"
}

// object returns the members of a field, or nil if it is absent or not an object. It parses
// them again, so use it rarely.
func (m *members) object(name string) *members {
	raw := m.value(name)
	if raw.Kind() != '{' {
		return nil
	}
	inner, err := readObject(m.table.fields[m.table.byName[name]].members, m, raw)
	if err != nil {
		return nil // reported when the field itself is judged
	}
	return inner
}

// block returns the fields of the outermost object.
func (m *members) block() *members {
	for m != nil && m.parent != nil {
		m = m.parent
	}
	return m
}

var errTrailing = errors.New("text after the JSON value")

// readObject collects the members of the object raw. The values are slices of raw itself, so
// numbers keep every digit as sent.
func readObject(t *table, parent *members, raw jsontext.Value) (*members, error) {
	r := openReader(raw)
	defer r.close()
	m := &members{table: t, parent: parent, values: make([]jsontext.Value, len(t.fields))}
	if err := r.start(); err != nil {
		return nil, err
	}
	for r.decoder.PeekKind() != '}' {
		quoted, err := r.next()
		if err != nil {
			return nil, err
		}
		value, err := r.next()
		if err != nil {
			return nil, err
		}
		name := content(quoted)
		if i, ok := t.byName[string(name)]; ok {
			m.values[i] = value
		} else if i, ok := t.byAlias[string(name)]; ok {
			m.aliases = append(m.aliases, member{field: i, name: string(name), value: value})
		} else if i, ok := t.lookAlike(name); ok {
			m.lookAlikes = append(m.lookAlikes, lookAlike{field: i, name: string(name)})
		}
	}
	m.takeAliases()
	return m, r.finish()
}

// takeAliases uses a value that was sent under another name for a field that was not sent
// under its own.
func (m *members) takeAliases() {
	for _, a := range m.aliases {
		if saysNothing(m.values[a.field]) && !saysNothing(a.value) {
			m.values[a.field] = a.value
		}
	}
}

// saysNothing reports whether a member is absent, null or "", which PayerMax and its clients
// treat alike.
func saysNothing(raw jsontext.Value) bool {
	return raw == nil || raw.Kind() == 'n' || string(raw) == `""`
}

// equal reports whether two values are the same text or literal.
func equal(a, b jsontext.Value) bool {
	if a.Kind() == '"' && b.Kind() == '"' {
		return bytes.Equal(content(a), content(b))
	}
	return bytes.Equal(a, b)
}

// readArray splits the array raw into its elements.
func readArray(raw jsontext.Value) ([]jsontext.Value, error) {
	r := openReader(raw)
	defer r.close()
	if err := r.start(); err != nil {
		return nil, err
	}
	var elements []jsontext.Value
	for r.decoder.PeekKind() != ']' {
		e, err := r.next()
		if err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, r.finish()
}

// reader reads one object or array. With its default options the decoder
// refuses duplicate names and invalid UTF-8 at any depth.
type reader struct {
	raw     jsontext.Value
	buffer  bytes.Buffer // read by the decoder without copying
	decoder *jsontext.Decoder
}

// readers are reused because a decoder's own state is most of what reading a block would
// allocate.
var readers = sync.Pool{New: func() any {
	r := new(reader)
	r.decoder = jsontext.NewDecoder(&r.buffer)
	return r
}}

// openReader starts to read raw.
func openReader(raw jsontext.Value) *reader {
	r := readers.Get().(*reader)
	r.raw = raw
	r.buffer = *bytes.NewBuffer(raw)
	r.decoder.Reset(&r.buffer)
	return r
}

// close forgets what was read, which may be personal data, and returns the reader to the
// pool.
func (r *reader) close() {
	r.raw = nil
	r.buffer = bytes.Buffer{}
	r.decoder.Reset(&r.buffer)
	readers.Put(r)
}

// start reads the opening bracket.
func (r *reader) start() error {
	_, err := r.decoder.ReadToken()
	return err
}

// next reads a value and returns it as a slice of raw, because the decoder's own slice is
// only valid until the next call.
func (r *reader) next() (jsontext.Value, error) {
	v, err := r.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(r.decoder.InputOffset())
	return r.raw[end-len(v) : end], nil
}

// finish reads the closing bracket and the end of the text.
func (r *reader) finish() error {
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	if _, err := r.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// content decodes a JSON string. A string without escapes, as nearly all are, is not copied.
func content(quoted jsontext.Value) []byte {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	// The decoder has accepted the string, so it cannot be malformed.
	s, _ := jsontext.AppendUnquote([]byte(nil), quoted)
	return s
}
