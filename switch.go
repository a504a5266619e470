package payermax

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// hasSwitched reports whether the answer may mean that PayerMax has changed over
// to the next key, and whether it is worth finding out.
func (h *Handler) hasSwitched(c *call) bool {
	return c.keys.Next.Exists() && c.route.Repeatable && c.gatewayCode == protocol.CodeSignVerifyFailed
}

// tryNextKey sends the request once more, signed with the next key. If PayerMax
// accepts that, the key is promoted; if not, the first answer stands.
func (h *Handler) tryNextKey(c *call, first *reply.Answer, request *envelope.Envelope, r *http.Request, next caddyhttp.Handler) *reply.Answer {
	refused := c.exchange
	c.exchange = new(exchange)
	second, err := h.exchange(c, c.keys.Next, request, r, next)
	if err != nil || c.gatewayCode != protocol.CodeApplySuccess {
		c.exchange = refused
		return first
	}
	c.merchant.keyring.Promote(c.keys.Next)
	return second
}
