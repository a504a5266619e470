package envelope

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// Ambiguity is why JSON parsers do not all read an answer or a notification alike. It
// continues a sentence about it and repeats nothing of it.
type Ambiguity string

// Error returns the reason.
func (a Ambiguity) Error() string { return string(a) }

// Answer is what an answer of the gateway's says.
type Answer struct {
	// Code is its code, which is not empty.
	Code string
	// Msg is its msg, or "" if that is not a string.
	Msg string
	// MsgAmbiguous says that another member could be taken for msg.
	MsgAmbiguous bool
	// IsNotification says that this is a notification, or could be taken for
	// one: it has a notifyType, or a member that can be mistaken for it. As in
	// [ReadNotification], a notifyType that is null or empty is as good as absent.
	IsNotification bool
	// HasNoObject says that data is there, but neither an object nor null, nor true
	// or false, which is how putRfiMaterialList answers.
	HasNoObject bool
	// Claims say what the answer is about.
	Claims []Claim
}

// answerMembers are the members of an answer that the sidecar looks at.
var answerNames = lookalike.NewNames("code", "msg", "data", "notifyType")

// ReadAnswer reads an answer of the gateway's as strictly as [Read] reads a
// request: where the application's reader, which may take Code or co_de for
// code, finds APPLY_SUCCESS, this one must not find another code, nor another amount
// or status. Its errors continue a sentence about the answer and repeat nothing of it.
// A member that is null is as good as absent, which is how some serializers write it.
//
// The claims are those of the members named.
func ReadAnswer(body []byte, names Names) (*Answer, error) {
	a := new(Answer)
	err := readMembers(body, decisiveInAnswers, func(_ *reader, name string, value jsontext.Value) error { return a.take(name, value, names) })
	if err != nil {
		return nil, inAnswer(err)
	}
	if a.Code == "" {
		return nil, errors.New("it has no code")
	}
	return a, nil
}

// take takes a member of the answer.
func (a *Answer) take(name string, value jsontext.Value, names Names) error {
	switch answerNames.Known([]byte(name)) {
	case "code":
		if name != "code" || value.Kind() != '"' && value.Kind() != 'n' {
			return errors.New("its code is ambiguous")
		}
		a.Code = textOf(value)
	case "data":
		if name != "data" {
			return errors.New("its data is ambiguous")
		}
		switch value.Kind() {
		case '{', 'n', 't', 'f':
		default:
			a.HasNoObject = true
		}
		a.Claims = names.appendClaims(a.Claims, value)
	case "msg":
		a.Msg = textOf(value)
		a.MsgAmbiguous = a.MsgAmbiguous || name != "msg"
	case "notifyType":
		a.IsNotification = a.IsNotification || name != "notifyType" || !claimsNothing(value)
	default:
		a.Claims = names.appendClaim(a.Claims, []byte(name), value, false)
	}
	return nil
}

// inAnswer puts an error of the reader's in words that continue a sentence about an
// answer or a notification.
func inAnswer(err error) error {
	problem, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch problem.Rule {
	case "depth":
		return Ambiguity(fmt.Sprintf("it is nested more than %d levels deep", maxDepth))
	case "number":
		return Ambiguity("it has a number that not every parser can hold")
	case "reserved":
		return Ambiguity("it has a member whose name parsers act upon")
	case "lookAlike":
		return mistakable(problem.mistaken)
	case "duplicate":
		return Ambiguity("it has two members of one name in one object")
	}
	text := "it " + problem.found
	if problem.expected != "" {
		text += "; expected " + problem.expected
	}
	return errors.New(text)
}

// mistakable says that a parser could take another member for the one named.
func mistakable(name string) Ambiguity {
	return Ambiguity(fmt.Sprintf("a member of it can be mistaken for %s", name))
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
