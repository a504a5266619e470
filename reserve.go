package payermax

import (
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// place returns what the limits need to know about this handler.
func (h *Handler) place() limits.Place {
	at := limits.Place{Store: h.store, Longest: time.Duration(h.Timeout), Logger: h.logger}
	for _, rt := range h.routes {
		at.Enabled = append(at.Enabled, rt.limited())
	}
	for _, m := range h.merchants.all() {
		at.Merchants = append(at.Merchants, m.limited())
	}
	return at
}

// limited returns the endpoint in the form that the limits take.
func (rt route) limited() limits.Endpoint {
	return limits.Endpoint{Endpoint: rt.Endpoint, Rules: rt.rules}
}

// limited returns the merchant in the form that the limits take.
func (m *merchant) limited() limits.Merchant {
	return limits.Merchant{AppID: m.identity.AppID, MerchantNo: m.identity.MerchantNo}
}

// limited returns the call in the form that the limits take.
func (c *call) limited(by *limits.Allowance, body []byte) limits.Call {
	return limits.Call{
		Endpoint: c.route.limited(), Merchant: c.request.merchant.limited(),
		By: by, Body: body, Data: c.request.Data(),
	}
}

// settlement returns what becomes of a call's reservation, after an exchange that may
// have failed. Only an answer that PayerMax has signed gives money back: an attacker who
// can answer in PayerMax's place must not be able to make room for more calls with a
// forged answer. What remains possible is to replay a signed refusal of another call that
// does not say which call it refuses. A refusal says nothing about earlier requests of
// the same call, so it gives nothing back if there are others.
func (x exchange) settlement(err error) stores.Settlement {
	switch {
	case reply.AsRefusal(err).NeverLeft():
		return stores.Unsent
	case err == nil && x.NothingMoved && len(x.others) == 0:
		return stores.Refunded
	default:
		return stores.Kept
	}
}
