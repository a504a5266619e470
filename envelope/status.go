package envelope

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// statusShape is the folded form of "status". The folded form of each name for a status in
// PayerMax's tables, such as paymentStatus or subStatus, contains it.
var statusShape = lookalike.Fold("status")

// ReadStatus returns the status in the data of an answer, or "" if the data is absent, null
// or an empty object. ok is false if the outcome of the call is unclear: the data has
// another type or no status, the status is empty or not a string, or there is another member
// whose name stands for a status, at any level. The answer must be one that [ReadAnswer]
// accepts.
func ReadStatus(body []byte) (status string, ok bool) {
	var data jsontext.Value
	if others, err := statusesBeside("data", body, &data); err != nil || others {
		return "", false
	}
	switch {
	case data == nil || data.Kind() == 'n' || isEmptyObject(data):
		return "", true
	case data.Kind() != '{':
		return "", false
	}
	var value jsontext.Value
	if others, err := statusesBeside("status", data, &value); err != nil || others || value == nil {
		return "", false
	}
	status = textOf(value)
	return status, status != ""
}

// statusesBeside reports whether an object has a status anywhere except in the member
// named only. It stores the value of that member in value.
func statusesBeside(only string, object jsontext.Value, value *jsontext.Value) (found bool, err error) {
	d := openDecoder(object)
	defer d.close()
	err = eachMember(d, func(name []byte, v jsontext.Value) error {
		if string(name) == only {
			*value = v
		} else {
			found = found || isStatus(string(name)) || hasStatus(v)
		}
		return nil
	})
	return found, err
}

// isStatus reports whether a name stands for a status.
func isStatus(name string) bool { return strings.Contains(lookalike.Fold(name), statusShape) }

// hasStatus reports whether a value has a status at any level, or cannot be read.
func hasStatus(value jsontext.Value) bool {
	d := openDecoder(value)
	defer d.close()
	for {
		token, err := d.ReadToken()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if token.Kind() == '"' && d.isAtName() && isStatus(token.String()) {
			return true
		}
	}
}

// isEmptyObject reports whether a value is an object without members.
func isEmptyObject(value jsontext.Value) bool {
	return value.Kind() == '{' && len(bytes.TrimSpace(value[1:len(value)-1])) == 0
}
