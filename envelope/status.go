package envelope

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// statusShape is in the shape of each name by which PayerMax's tables call a status, such as
// paymentStatus or subStatus.
var statusShape = lookalike.Fold("status")

// ReadStatus returns the status that the data of an answer has, or "" if there is no data:
// it is absent, null or an empty object. It is not ok if anything else could be said of what
// became of the call: the data is of another type or has no status, the status is not a
// string or is empty, or there is another member called a status, at whatever level. The
// answer must be one that [ReadAnswer] reads.
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

// statusesBeside reports whether an object has a status anywhere but under one name, whose
// value it fetches.
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

// isStatus reports whether a name is that of a status.
func isStatus(name string) bool { return strings.Contains(lookalike.Fold(name), statusShape) }

// hasStatus reports whether a value has a status at any level. What cannot be read has one.
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
