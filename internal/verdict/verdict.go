// Package verdict decides what an application may get of an answer. An answer that is
// verifiably PayerMax's answer to this call passes unchanged. Of an answer that is not signed
// and is not a success, only what is safe to read passes. Of any other answer, nothing
// passes.
package verdict

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Question is what was asked, and at which endpoint.
type Question struct {
	protocol.Endpoint
	// Identifying are the names by which an answer can say which call it is for.
	Identifying envelope.Names
	// Body is the body of the request, as it was sent.
	Body []byte
	// Keys are PayerMax's public keys. Without any, signatures are not checked.
	Keys []*rsa.PublicKey
	// Budgeted says that the call counts against a budget, which gets back amounts that were
	// not moved.
	Budgeted bool
}

// Verdict is the result of checking an answer.
type Verdict struct {
	// Finding is "" if there was no answer.
	Finding Finding
	// Code is the code of the answer, or "" if it cannot be read.
	Code string
	// NothingMoved says that the answer is PayerMax's own statement about this call that it
	// has moved no money and never will. It says nothing about earlier requests, and is only
	// determined for calls that count against a budget.
	NothingMoved bool
}

// Judge decides on the answers to the calls of one handler. It remembers which user
// got which session.
type Judge struct {
	given *givenAnswers
}

// NewJudge returns a Judge that has seen no answer.
func NewJudge() *Judge { return &Judge{given: newGivenAnswers()} }

// Decide returns the answer that passes. The error is a [reply.Refusal] for the application
// to get instead.
func (j *Judge) Decide(a *reply.Answer, asked Question) (Verdict, *reply.Answer, error) {
	var found Verdict
	passes, err := j.decide(&found, a, asked)
	if refused := reply.AsRefusal(err); refused != nil && refused.Outcome == reply.Unverified {
		found.Finding = Unverified
	}
	return found, passes, err
}

func (j *Judge) decide(found *Verdict, a *reply.Answer, asked Question) (*reply.Answer, error) {
	if a.IsRedirect() {
		return nil, Withheld(a, errors.New("the answer is a redirect"))
	}
	said, err := a.Read(asked.Identifying)
	if err != nil {
		return nil, Withheld(a, fmt.Errorf("the answer cannot be read: %w", err))
	}
	found.Code = said.Code
	if found.Finding, err = verify(asked.Keys, a); err != nil {
		return nil, Withheld(a, err)
	}

	isUnchecked := found.Finding == Unchecked
	switch {
	case said.IsNotification:
		return nil, Withheld(a, errors.New("the answer is a notification"))
	case isSuccess(said.Code) && a.Status != http.StatusOK:
		return nil, Withheld(a, errors.New("the answer says "+protocol.CodeApplySuccess+", but not with status 200"))
	case isSuccess(said.Code) && said.HasNoObject:
		return nil, Withheld(a, errors.New("the answer says "+protocol.CodeApplySuccess+", but its data is not an object"))
	case isUnchecked && isIntermediarys(a, said, asked.Endpoint):
		return nil, ByAnIntermediary(a)
	case found.Finding == Verified, isUnchecked && a.Status == http.StatusOK:
		passes, err := j.passWhole(a, said, asked, found.Finding)
		found.NothingMoved = asked.Budgeted && err == nil && found.Finding == Verified && nothingMoved(a, said, asked)
		return passes, err
	default:
		return rewrite(a, said, asked.Endpoint, found.Finding)
	}
}

// passWhole passes an answer on byte for byte, if it is for this call.
func (j *Judge) passWhole(a *reply.Answer, said *envelope.Answer, asked Question, found Finding) (*reply.Answer, error) {
	if err := contradiction(said, asked); err != nil {
		return nil, Withheld(a, err)
	}
	if asked.Personal && said.Code == protocol.CodeApplySuccess && !j.given.toOneUserOnly(a.Body, asked.Body) {
		return nil, Withheld(a, errors.New("the same answer was given to another user before"))
	}
	return a.Whole(string(found)), nil
}

// isSuccess reports whether a reader could take the code for APPLY_SUCCESS.
func isSuccess(code string) bool {
	return code == protocol.CodeApplySuccess || lookalike.Fold(code) == successShape
}

var successShape = lookalike.Fold(protocol.CodeApplySuccess)

// Withheld replaces an answer that cannot be trusted. It may come from PayerMax all the same,
// so the application must not mistake the replacement for a refusal.
func Withheld(a *reply.Answer, cause error) *reply.Refusal {
	return &reply.Refusal{
		Code: "CHECK_SIGN_ERROR",
		Msg: "the answer was withheld, because the sidecar cannot verify that it is PayerMax's answer to this call; " +
			"the outcome is unknown: query it before you send the request again",
		Status: http.StatusBadGateway, ProxyError: "http_protocol_error", Outcome: reply.Unverified,
		Received: a.Status, Cause: cause,
	}
}
