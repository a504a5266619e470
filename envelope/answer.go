package envelope

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// Ambiguity is the reason why JSON parsers may read an answer or a notification
// differently. Its text continues a sentence about that document and repeats nothing of
// it.
type Ambiguity string

// Error returns the reason.
func (a Ambiguity) Error() string { return string(a) }

// Answer is what an answer of the gateway says.
type Answer struct {
	// Code is the answer's code. It is never empty.
	Code string
	// Msg is the answer's msg, or "" if that is not a string.
	Msg string
	// MsgAmbiguous says that another member could be taken for msg.
	MsgAmbiguous bool
	// IsNotification says that this is a notification, or could be taken for one: it has
	// a notifyType, or a member that can be mistaken for notifyType. As in
	// [ReadNotification], a notifyType that is null or empty counts as absent.
	IsNotification bool
	// HasNoObject says that data is present but has an unexpected type: it is not an
	// object, null or a boolean. A boolean is allowed because putRfiMaterialList answers
	// with one.
	HasNoObject bool
	// Claims say which call the answer is about.
	Claims []Claim
}

// answerNames are the members of an answer that the sidecar looks at.
var answerNames = lookalike.NewNames("code", "msg", "data", "notifyType")

// ReadAnswer reads an answer of the gateway as strictly as [Read] reads a request. The
// application's parser may take Code or co_de for code. If it finds APPLY_SUCCESS,
// ReadAnswer must not find another code, and likewise for amounts and statuses. Its
// errors continue a sentence about the answer and repeat nothing of it. A member that is
// null counts as absent, because some serializers write absent members like that.
//
// The answer's claims are the members that names lists.
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

// take processes one member of the answer.
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

// inAnswer rewords an error of the reader so that it continues a sentence about an answer
// or a notification.
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

// mistakable returns the Ambiguity that a parser could take another member for the one
// with this name.
func mistakable(name string) Ambiguity {
	return Ambiguity(fmt.Sprintf("a member of it can be mistaken for %s", name))
}

// Code returns the code member of an answer of the gateway, or of an acknowledgement. It
// is as strict as [ReadAnswer].
func Code(body []byte) (string, error) {
	a, err := ReadAnswer(body, nil)
	if err != nil {
		return "", err
	}
	return a.Code, nil
}
