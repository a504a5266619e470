package payermax

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/envelope"
)

// signVerifyFailed is the gateway's code for a signature that does not fit the
// merchant's public key.
const signVerifyFailed = "SIGN_VERIFY_FAILED"

// hasSwitched reports whether the answer may mean that PayerMax has changed over
// to the next key, and whether it is worth finding out.
func (h *Handler) hasSwitched(c *call, a *answer) bool {
	if c.keys.next == nil || !c.route.repeatable {
		return false
	}
	code, err := answerCode(a)
	return err == nil && code == signVerifyFailed
}

// tryNextKey sends the request once more, signed with the next key. If PayerMax
// accepts that, the key is promoted; if not, the first answer stands.
func (h *Handler) tryNextKey(c *call, first *answer, request *envelope.Envelope, r *http.Request, next caddyhttp.Handler) *answer {
	again := &call{route: c.route, merchant: c.merchant, keys: c.keys}
	second, err := h.exchange(again, c.keys.next, request, r, next)
	if err != nil {
		return first
	}
	if code, err := answerCode(second); err != nil || code != applySuccess {
		return first
	}
	c.merchant.keyring.promote(c.keys.next)
	return second
}
