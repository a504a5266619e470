package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// contradiction reports a member by which the answer says that it is for another call.
// PayerMax's signature shows who made an answer, but not which call it is for: a good answer
// to another call is signed as well.
func contradiction(said *envelope.Answer, asked Question) error {
	if len(said.Claims) == 0 {
		return nil
	}
	sent := slices.DeleteFunc(envelope.ReadClaims(asked.Body, asked.Identifying), isAside)
	for _, claim := range said.Claims {
		if contradicts(claim, sent) {
			return fmt.Errorf("the answer is for another call: its %s is not what was sent", claim.Name)
		}
	}
	if isSuccess(said.Code) && slices.ContainsFunc(said.Claims, asked.isEcho) && lacks(said.Claims, asked.Own) && !lacks(sent, asked.Own) {
		return fmt.Errorf("the answer is for another kind of call: it lacks the %s of this one", asked.Own)
	}
	return nil
}

// lacks reports whether no claim has the name. It is false for an empty name.
func lacks(claims []envelope.Claim, name string) bool {
	return name != "" && !slices.ContainsFunc(claims, func(claim envelope.Claim) bool { return claim.Name == name })
}

// isEcho reports whether a claim of the answer, in data, is one that answers to this endpoint
// echo.
func (q Question) isEcho(claim envelope.Claim) bool {
	return claim.InData && slices.Contains(q.Echoes, claim.Name)
}

// isAside reports whether a claim of the request is the application's own statement in data
// about a member of the envelope.
func isAside(claim envelope.Claim) bool { return claim.InData && protocol.IsOfEnvelope(claim.Name) }

// contradicts reports whether the request makes claims under the name of the answer's claim,
// but none with its value. Case does not matter in PayerMax's numbers (orderAndPay:
// outTradeNo AAA is AAa).
func contradicts(claim envelope.Claim, sent []envelope.Claim) bool {
	asked := false
	for _, own := range sent {
		if meant(own.Name) != meant(claim.Name) || own.LookAlike {
			continue
		}
		if strings.EqualFold(own.Text, claim.Text) {
			return false
		}
		asked = true
	}
	return asked
}

// meant returns the name of a member in version 1.1 and later.
func meant(name string) string {
	if name == "merchantAppId" {
		return "appId"
	}
	return name
}
