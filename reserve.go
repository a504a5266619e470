package payermax

import (
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// place is where the limits are enforced.
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

// limited returns the endpoint as the limits know it.
func (rt route) limited() limits.Endpoint {
	return limits.Endpoint{Endpoint: rt.Endpoint, Rules: rt.rules}
}

// limited returns the merchant as the limits know it.
func (m *merchant) limited() limits.Merchant {
	return limits.Merchant{AppID: m.identity.AppID, MerchantNo: m.identity.MerchantNo}
}

// limited returns the call as the limits know it.
func (c *call) limited(by *limits.Allowance, body []byte) limits.Call {
	return limits.Call{
		Endpoint: c.route.limited(), Merchant: c.request.merchant.limited(),
		By: by, Body: body, Data: c.request.Data(),
	}
}

// settlement says what becomes of that which a call has taken of the limits, after an
// exchange that may have failed. Only PayerMax's own word gives money back: whoever can
// answer in its place must not be able to make room for more calls by what it writes
// itself. It still can by a refusal of another call, which names none. A refusal says
// nothing of what was sent before.
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
