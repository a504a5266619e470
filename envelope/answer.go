package envelope

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var errNotJSON = errors.New("it is not valid JSON")

// Code returns the code member of an answer of the gateway's, or of an
// acknowledgement. It reads as strictly as [Read] does: where the application's
// reader, which may take Code for code, finds APPLY_SUCCESS, this one must not
// find another code. Its errors continue a sentence about the answer and repeat
// nothing of it.
func Code(body []byte) (string, error) {
	d := openDecoder(body)
	defer d.close()
	if d.PeekKind() != '{' {
		return "", errors.New("it is not a JSON object")
	}
	var code string
	err := eachMember(d, func(name string, value jsontext.Value) error {
		switch {
		case name == "code" && value.Kind() == '"':
			code = member{name, value}.text()
		case strings.EqualFold(name, "code"):
			return errors.New("its code is ambiguous")
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if code == "" {
		return "", errors.New("it has no code")
	}
	return code, nil
}

// eachMember calls f for the members of the one object that d reads.
func eachMember(d *decoder, f func(name string, value jsontext.Value) error) error {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return errNotJSON
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return errNotJSON
		}
		name := token.String()
		value, err := d.ReadValue()
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
