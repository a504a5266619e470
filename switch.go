package payermax

import (
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// hasSwitched reports whether PayerMax may have switched to the next key: there is one,
// and PayerMax has refused the signature of a call that is safe to repeat.
func (c *call) hasSwitched() bool {
	return c.keys.Next.Exists() && c.route.Repeatable && c.exchange.Code == protocol.CodeSignVerifyFailed
}

// tryNextKey sends the request once more, signed with the next key. If PayerMax accepts
// the signature, even if it refuses the request, the key is promoted. If not, the first
// exchange stands.
func (h *Handler) tryNextKey(c *call, r *http.Request, next caddyhttp.Handler) exchange {
	second, err := h.askGateway(c, c.keys.Next, time.Now(), r, next)
	first := c.exchange
	if err == nil && second.acceptsSignature() {
		c.request.merchant.keyring.Promote(c.keys.Next)
		second.attempts += first.attempts
		return second
	}
	if !reply.AsRefusal(err).NeverLeft() {
		// The second exchange's bodies include the first's, since its delivery follows
		// them.
		first.others = slices.DeleteFunc(second.bodies(), func(s *delivery.Signed) bool { return s == first.Signed })
		first.attempts += second.attempts
	}
	return first
}

// acceptsSignature reports whether PayerMax has accepted the request's signature: its
// answer says so, and is signed if there is a key to check it with.
func (x exchange) acceptsSignature() bool {
	return x.Finding != verdict.Unsigned && protocol.AcceptsSignature(x.Code)
}
