package payermax

import (
	"fmt"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/envelope"
)

// contradiction reports a member by which the answer says that it is for another
// call than this. PayerMax's signature tells who has made an answer, and not what
// for: a good answer to somebody else's call is signed as well.
func (c *call) contradiction(said *envelope.Answer) error {
	if len(said.Claims) == 0 {
		return nil
	}
	sent := envelope.ReadClaims(c.body, c.route.identifying)
	for _, claim := range said.Claims {
		if contradicts(claim, sent) {
			return fmt.Errorf("the answer is for another call: its %s is not what was sent", claim.Name)
		}
	}
	return nil
}

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
