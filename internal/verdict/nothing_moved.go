package verdict

import (
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// nothingMoved reports whether an answer of PayerMax says for certain that the call has moved
// no money. Either it is only a code that refuses the call; or it has such a code and a final
// failure status, and names this call.
func nothingMoved(a *reply.Answer, said *envelope.Answer, asked Question) bool {
	if !protocol.IsRefusal(said.Code) {
		return false
	}
	status, ok := envelope.ReadStatus(a.Body)
	if !ok || status == "" {
		return ok
	}
	return slices.Contains(asked.Failures, status) && namesCall(said, asked)
}

// namesCall reports whether the data of the answer contains the number by which PayerMax
// distinguishes the call from others of its kind. The order alone is not enough, since other
// calls are about it as well.
func namesCall(said *envelope.Answer, asked Question) bool {
	number := asked.Number()
	given := textUnder(number, said.Claims)
	return given != "" && strings.EqualFold(given, textUnder(number, envelope.ReadClaims(asked.Body, asked.Identifying)))
}

// textUnder returns the value of a member of data, or "".
func textUnder(name string, claims []envelope.Claim) string {
	i := slices.IndexFunc(claims, func(claim envelope.Claim) bool {
		return claim.Name == name && claim.InData && !claim.LookAlike
	})
	if i < 0 {
		return ""
	}
	return claims[i].Text
}
