package verdict

import (
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// nothingMoved reports whether an answer of PayerMax's says for certain that the call has
// moved no money: by a code that refuses it, and nothing besides; or by this code and a
// status that is a failure for good, of an answer that names this call.
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

// namesCall reports whether the data of the answer has the number by which PayerMax tells the
// call from others of its kind. The order alone, which other calls are about as well, will
// not do.
func namesCall(said *envelope.Answer, asked Question) bool {
	number := asked.Number()
	given := textUnder(number, said.Claims)
	return given != "" && strings.EqualFold(given, textUnder(number, envelope.ReadClaims(asked.Body, asked.Identifying)))
}

// textUnder returns what data says under a name, or "".
func textUnder(name string, claims []envelope.Claim) string {
	i := slices.IndexFunc(claims, func(claim envelope.Claim) bool {
		return claim.Name == name && claim.InData && !claim.LookAlike
	})
	if i < 0 {
		return ""
	}
	return claims[i].Text
}
