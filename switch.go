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

// hasSwitched reports whether the answer may mean that PayerMax has changed over
// to the next key, and whether it is worth finding out.
func (c *call) hasSwitched() bool {
	return c.keys.Next.Exists() && c.route.Repeatable && c.exchange.Code == protocol.CodeSignVerifyFailed
}

// tryNextKey sends the request once more, signed with the next key. If PayerMax
// accepts the signature, whatever it says of the request, the key is promoted; if not,
// the first exchange stands.
func (h *Handler) tryNextKey(c *call, r *http.Request, next caddyhttp.Handler) exchange {
	second, err := h.askGateway(c, c.keys.Next, time.Now(), r, next)
	first := c.exchange
	if err == nil && second.acceptsSignature() {
		c.request.merchant.keyring.Promote(c.keys.Next)
		second.attempts += first.attempts
		return second
	}
	if !reply.AsRefusal(err).NeverLeft() {
		// The second exchange follows all of the first.
		first.others = slices.DeleteFunc(second.bodies(), func(s *delivery.Signed) bool { return s == first.Signed })
		first.attempts += second.attempts
	}
	return first
}

// acceptsSignature reports whether PayerMax has accepted the signature of what was sent:
// its answer says so, and is not one that somebody else may have written.
func (x exchange) acceptsSignature() bool {
	return x.Finding != verdict.Unsigned && protocol.AcceptsSignature(x.Code)
}
