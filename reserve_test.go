package payermax

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// What a call has taken of a budget comes back if nothing was sent, or if PayerMax says in
// its own word that nothing was moved. Whatever else came of it, the money may be gone.
func TestSettlement(t *testing.T) {
	unknown := delivery.Unanswered(http.StatusBadGateway, "connection_terminated", nil)
	unsent := delivery.NotSentInTime(nil)
	withheld := verdict.Withheld(new(reply.Answer), nil)
	for name, test := range map[string]struct {
		found verdict.Finding
		code  string
		sent  int // how often it was before
		err   error
		want  stores.Settlement
	}{
		"refused by PayerMax":                 {verdict.Verified, protocol.CodeOrderNotExist, 0, nil, stores.Refunded},
		"refused for its signature":           {verdict.Verified, protocol.CodeSignVerifyFailed, 0, nil, stores.Refunded},
		"refused, but sent before":            {verdict.Verified, protocol.CodeOrderNotExist, 1, nil, stores.Kept},
		"accepted":                            {verdict.Verified, protocol.CodeApplySuccess, 0, nil, stores.Kept},
		"PayerMax is busy":                    {verdict.Verified, protocol.CodeSystemError, 0, nil, stores.Kept},
		"a code that nobody knows":            {verdict.Verified, "SOMETHING_NEW", 0, nil, stores.Kept},
		"refused, not signed":                 {verdict.Unsigned, protocol.CodeOrderNotExist, 0, nil, stores.Kept},
		"refused, not checked":                {verdict.Unchecked, protocol.CodeOrderNotExist, 0, nil, stores.Kept},
		"withheld":                            {verdict.Unverified, protocol.CodeOrderNotExist, 0, withheld, stores.Kept},
		"refused by PayerMax, yet withheld":   {verdict.Verified, protocol.CodeOrderNotExist, 0, withheld, stores.Kept},
		"without an answer":                   {"", "", 0, unknown, stores.Kept},
		"nothing was sent":                    {"", "", 0, unsent, stores.Unsent},
		"no handler sends":                    {"", "", 0, nothingSends(), stores.Unsent},
		"refused before, and then not signed": {verdict.Unsigned, protocol.CodeSignVerifyFailed, 1, nil, stores.Kept},
	} {
		x := exchange{others: make([]*delivery.Signed, test.sent)}
		x.Finding, x.Code = test.found, test.code
		assert.Equal(t, test.want, x.settlement(test.err), name)
	}
}
