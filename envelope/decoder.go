package envelope

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads one JSON text.
type decoder struct {
	*jsontext.Decoder
	buffer bytes.Buffer // what the Decoder reads without copying
}

// decoders are kept because a decoder's own bookkeeping is most of what reading
// a request or an answer would allocate.
var decoders = sync.Pool{New: func() any {
	d := new(decoder)
	d.Decoder = jsontext.NewDecoder(&d.buffer)
	return d
}}

// openDecoder starts to read text.
func openDecoder(text []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.buffer = *bytes.NewBuffer(text)
	d.Reset(&d.buffer)
	return d
}

// close forgets what was read, which may be personal data, and keeps the rest.
func (d *decoder) close() {
	d.buffer = bytes.Buffer{}
	d.Reset(&d.buffer)
	decoders.Put(d)
}
