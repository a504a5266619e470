package payermax

import (
	"errors"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// errNothingSends is why a handler that signs cannot be loaded.
var errNothingSends = errors.New("payermax_sign: no handler follows that could send the call to PayerMax; add a reverse_proxy with transport payermax")

// checkIsFollowed refuses a handler that certainly has nothing behind it to send
// what it signs. It must be called before provisioning has changed the config.
func (h *Handler) checkIsFollowed(ctx caddy.Context) error {
	if h.Sandbox {
		return nil
	}
	_, places := layout.Places(ctx, layout.Sign, h)
	for _, place := range places {
		if proxy := place.Proxy(); proxy != nil && !layout.Pins(proxy) {
			h.logger.Warn("payermax_sign: the reverse_proxy behind it has no transport payermax, so that it may send something else than what was signed, in plain text or more than once; write transport payermax into it")
			break
		}
	}
	if len(places) == 0 || slices.ContainsFunc(places, func(p layout.Handler) bool { return !p.IsDeadEnd() }) {
		return nil
	}
	return errNothingSends
}

// nothingSends refuses a call that no handler has sent, which could not be found
// out when the config was loaded.
func nothingSends() *reply.Refusal {
	return &reply.Refusal{
		Code: "SYSTEM_ERROR", Msg: "no handler of the sidecar has sent the call to PayerMax; the operator must add a reverse_proxy with transport payermax",
		Status: http.StatusInternalServerError, ProxyError: "proxy_configuration_error", Outcome: reply.NotSent,
	}
}
