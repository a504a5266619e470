package envelope

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

var errNotJSON = errors.New("it is not valid JSON")

// Answer is what an answer of the gateway's says.
type Answer struct {
	// Code is its code, which is not empty.
	Code string
	// Msg is its msg, or "" if that is not a string.
	Msg string
	// MsgAmbiguous says that another member could be taken for msg.
	MsgAmbiguous bool
	// IsNotification says that this is a notification, or could be taken for
	// one: it has a notifyType.
	IsNotification bool
	// HasNoObject says that data is there, but neither an object nor null.
	HasNoObject bool
	// Claims say what the answer is about.
	Claims []Claim
}

// The members of an answer, by what [lookalike.Fold] makes of their names.
var (
	codeShape       = lookalike.Fold("code")
	msgShape        = lookalike.Fold("msg")
	dataShape       = lookalike.Fold("data")
	notifyTypeShape = lookalike.Fold("notifyType")
)

// ReadAnswer reads an answer of the gateway's as strictly as [Read] reads a
// request: where the application's reader, which may take Code or co_de for
// code, finds APPLY_SUCCESS, this one must not find another code. Its errors
// continue a sentence about the answer and repeat nothing of it.
//
// The claims are those of the members named.
func ReadAnswer(body []byte, names Names) (*Answer, error) {
	d := openDecoder(body)
	defer d.close()
	if d.PeekKind() != '{' {
		return nil, errors.New("it is not a JSON object")
	}
	a := new(Answer)
	err := eachMember(d, func(name []byte, value jsontext.Value) error {
		var shape [maxShape]byte
		switch string(lookalike.Append(shape[:0], name)) {
		case codeShape:
			if string(name) != "code" || value.Kind() != '"' {
				return errors.New("its code is ambiguous")
			}
			a.Code = textOf(value)
		case dataShape:
			if string(name) != "data" {
				return errors.New("its data is ambiguous")
			}
			a.HasNoObject = value.Kind() != '{' && value.Kind() != 'n'
			a.Claims = names.appendClaims(a.Claims, value)
		case msgShape:
			a.Msg = textOf(value)
			a.MsgAmbiguous = a.MsgAmbiguous || string(name) != "msg"
		case notifyTypeShape:
			a.IsNotification = true
		default:
			a.Claims = names.appendClaim(a.Claims, name, value, false)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if a.Code == "" {
		return nil, errors.New("it has no code")
	}
	return a, nil
}

// Code returns the code member of an answer of the gateway's, or of an
// acknowledgement. It reads like [ReadAnswer].
func Code(body []byte) (string, error) {
	a, err := ReadAnswer(body, nil)
	if err != nil {
		return "", err
	}
	return a.Code, nil
}
