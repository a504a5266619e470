package envelope

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

var errNotJSON = errors.New("it is not valid JSON")

// decoder reads one JSON text.
type decoder struct {
	*jsontext.Decoder
	text   []byte
	buffer bytes.Buffer // holds text, which the Decoder reads without copying
}

// decoders is a pool, because a decoder's own bookkeeping is most of what reading a
// request or an answer would allocate.
var decoders = sync.Pool{New: func() any {
	d := new(decoder)
	d.Decoder = jsontext.NewDecoder(&d.buffer)
	return d
}}

// openDecoder starts to read text.
func openDecoder(text []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.text, d.buffer = text, *bytes.NewBuffer(text)
	d.Reset(&d.buffer)
	return d
}

// close drops the references to the text, which may contain personal data, and returns
// the decoder to the pool.
func (d *decoder) close() {
	d.text, d.buffer = nil, bytes.Buffer{}
	d.Reset(&d.buffer)
	decoders.Put(d)
}

// readValue reads one value and returns its bytes, as a slice of the text.
func (d *decoder) readValue() (jsontext.Value, error) {
	value, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	end := d.InputOffset()
	return d.text[end-int64(len(value)) : end], nil
}

// isAtName reports whether the last string that was read is a member's name.
func (d *decoder) isAtName() bool {
	kind, length := d.StackIndex(d.StackDepth())
	return kind == '{' && length%2 == 1 // names and values are both counted
}

// eachMember calls f for each member of the object that d reads, which must be the whole
// text. The name is unquoted and unescaped, and valid only during the call.
func eachMember(d *decoder, f func(name []byte, value jsontext.Value) error) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return errNotJSON
	}
	var unescaped []byte
	for d.PeekKind() == '"' {
		quoted, err := d.readValue()
		if err != nil {
			return errNotJSON
		}
		name := []byte(quoted[1 : len(quoted)-1])
		if bytes.IndexByte(name, '\\') >= 0 {
			if unescaped, err = jsontext.AppendUnquote(unescaped[:0], quoted); err != nil {
				return errNotJSON
			}
			name = unescaped
		}
		value, err := d.readValue()
		if err != nil {
			return errNotJSON
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return errNotJSON
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNotJSON
	}
	return nil
}
