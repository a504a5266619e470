// Package replay tells the answer to a call from others that PayerMax has signed as
// well: a signature says who has made an answer, and not what for, so that an old
// answer could be passed off as the answer to a later call, or to somebody else's.
package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Call is what an answer is held against.
type Call struct {
	// Body is the envelope that was sent.
	Body []byte
	// Identifying are the names by which an answer can say which call it is for.
	Identifying envelope.Names
	// Own is the name that a success must give back if it was sent, or "".
	Own string
}

// Contradiction reports a member by which an answer says that it is for another call,
// or that a success lacks what it must give back. It returns nil if there is none.
func (c Call) Contradiction(said *envelope.Answer, isSuccess bool) error {
	if len(said.Claims) == 0 {
		return nil
	}
	sent := slices.DeleteFunc(envelope.ReadClaims(c.Body, c.Identifying), isAside)
	for _, claim := range said.Claims {
		if contradicts(claim, sent) {
			return fmt.Errorf("the answer is for another call: its %s is not what was sent", claim.Name)
		}
	}
	if isSuccess && slices.ContainsFunc(said.Claims, isOfData) && lacks(said.Claims, c.Own) && !lacks(sent, c.Own) {
		return fmt.Errorf("the answer is for another kind of call: it lacks the %s of this one", c.Own)
	}
	return nil
}

// lacks reports whether none of the claims is that of a name, if there is one.
func lacks(claims []envelope.Claim, name string) bool {
	return name != "" && !slices.ContainsFunc(claims, func(claim envelope.Claim) bool { return claim.Name == name })
}

// isOfData reports whether a claim is one of those that stand in data.
func isOfData(claim envelope.Claim) bool { return claim.InData && !protocol.IsOfEnvelope(claim.Name) }

// isAside reports whether a claim of the request is the application's own, in data,
// about what the envelope says.
func isAside(claim envelope.Claim) bool { return claim.InData && protocol.IsOfEnvelope(claim.Name) }

// contradicts reports whether the answer's claim is none of those that the
// request makes under that name, if it makes any. PayerMax's numbers are the same
// in any case (orderAndPay: outTradeNo AAA is AAa).
func contradicts(claim envelope.Claim, sent []envelope.Claim) bool {
	asked := false
	for _, own := range sent {
		if own.Name != claim.Name || own.LookAlike {
			continue
		}
		if !claim.LookAlike && strings.EqualFold(own.Text, claim.Text) {
			return false
		}
		asked = true
	}
	return asked
}
