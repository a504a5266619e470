package limits

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// addNumber reserves the call's own number, so that no other call with the same number is
// made at the same time. A call without an unambiguous number is refused.
func (n *need) addNumber(c Call) error {
	name := c.Number()
	if name == "" {
		return nil // nothing could be moved twice
	}
	number, ok := numberOf(c.Body, name)
	if !ok {
		return withoutNumber("data." + name)
	}
	// Upper and lower case are the same in PayerMax's numbers (orderAndPay: outTradeNo).
	n.Order = scope.Key("number", c.AppID, c.MerchantNo, c.Name, strings.ToLower(number))
	n.refusals[n.Order] = func(*stores.Exceeded) error { return underWay(name) }
	return nil
}

// withoutNumber refuses a call that cannot be told apart from others.
func withoutNumber(row string) *reply.Refusal {
	f := reply.ClientError(http.StatusBadRequest, "PARAMS_INVALID",
		row+" is required exactly once, in this spelling, because this sidecar refuses two simultaneous calls with the same number")
	f.Errors = []validate.Violation{{Field: "/" + strings.ReplaceAll(row, ".", "/"), Row: row, Rule: "required", Message: f.Msg}}
	return f
}

// numberOf returns the value of a member of data. ok is false unless the member is there
// exactly once, in this spelling.
func numberOf(body []byte, name string) (number string, ok bool) {
	for _, claim := range envelope.ReadClaims(body, envelope.NewNames(name)) {
		switch {
		case !claim.InData:
			continue
		case ok || claim.LookAlike:
			return "", false
		}
		number, ok = claim.Text, true
	}
	return number, ok
}

// underWay refuses the second of two simultaneous calls with the same number.
func underWay(name string) *reply.Refusal {
	f := reply.Denied(ByDouble, "refuse_doubles", http.StatusConflict, "CALL_UNDER_WAY",
		"a call with the same data."+name+" is in progress; this call was not sent; wait for the answer to the other one, or query it")
	f.Header = retryAfter(time.Second)
	return f
}
