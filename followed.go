package payermax

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// errNothingSends is the error for a handler whose signed calls nothing would send.
var errNothingSends = errors.New("payermax_sign: no following handler can send the call to PayerMax; add a reverse_proxy with transport payermax")

// checkIsFollowed refuses a handler if, in every place where it stands, certainly no
// handler follows that could send what it signs. It warns if a reverse_proxy follows
// without transport payermax.
func (h *Handler) checkIsFollowed(places []layout.Handler) error {
	if h.Sandbox {
		return nil
	}
	for _, place := range places {
		if proxy := place.Proxy(); proxy != nil && !layout.Pins(proxy) {
			h.logger.Warn("payermax_sign: the reverse_proxy behind it does not use transport payermax, so it may change the signed call, send it in plain text, or send it more than once; add transport payermax to the reverse_proxy")
			break
		}
	}
	if len(places) == 0 || slices.ContainsFunc(places, func(p layout.Handler) bool { return !p.IsDeadEnd() }) {
		return nil
	}
	return errNothingSends
}

// errSignsTwice is the error for a handler whose calls reach another handler that signs.
var errSignsTwice = errors.New("payermax_sign: its calls reach another handler that signs, which refuses calls from a sidecar; " +
	"remove one of them, or give each its own path (payermax signs and sends; it needs no payermax_sign before it)")

// checkSignsOnce refuses a handler if another one that signs certainly takes each of its
// calls.
func (h *Handler) checkSignsOnce(places []layout.Handler) error {
	if !h.Sandbox && slices.ContainsFunc(places, layout.Handler.IsCutOff) {
		return errSignsTwice
	}
	return nil
}

// checkLeadsElsewhere refuses a handler whose calls would certainly come back to it
// instead of reaching PayerMax.
func (h *Handler) checkLeadsElsewhere(places []layout.Handler) error {
	if h.Sandbox {
		return nil
	}
	for _, place := range places {
		if back := place.LeadsBack(); back != "" {
			return fmt.Errorf("gateway: calls would come back to this site, which is served at %s; name PayerMax's gateway, such as uat, or the address of a sandbox", back)
		}
	}
	return nil
}

// checkIsPrivate refuses a handler whose calls would go to another machine in plain text.
func (h *Handler) checkIsPrivate(places []layout.Handler) error {
	for _, place := range places {
		if upstream := place.PlainUpstream(); upstream != "" && !h.Sandbox {
			return fmt.Errorf("payermax_sign: reverse_proxy sends to %s in plain text, which is only allowed to this machine; write https:// before the host, or tls in transport payermax", upstream)
		}
	}
	return nil
}

// warnOfMisplacements logs, when the config is loaded, why calls may never reach the
// handler.
func (h *Handler) warnOfMisplacements(places []layout.Handler) {
	warned := make(map[layout.Misplacement]bool)
	for _, place := range places {
		for _, m := range place.Doubts(slices.Sorted(maps.Keys(h.routes))) {
			if !warned[m] {
				h.logger.Warn(m.Message + "; " + m.Next)
			}
			warned[m] = true
		}
	}
}

// warnOfSlips logs, when the config is loaded, which gateways are probably a mistake, and
// which environment variable.
func (h *Handler) warnOfSlips(places []layout.Handler) {
	if name := setting.MarkedVariable(); name != "" {
		h.logger.Warn("the environment variable " + name + " is not set, because " + setting.WhyMarked + "; " + setting.Unmark)
	}
	warned := make(map[string]bool)
	for _, place := range places {
		for _, host := range place.Gateways() {
			if doubt := protocol.DoubtAbout(host); doubt != "" && !warned[host] {
				h.logger.Warn("the gateway is probably a mistake: "+doubt+"; write gateway uat or gateway production, unless calls must really go to this host",
					zap.String("host", host))
				warned[host] = true
			}
		}
	}
}

// warnOfExamples logs, when the config is loaded, which identities are still placeholders
// from the examples. It does not if all calls stay on this machine, where a sandbox may
// answer them.
func (h *Handler) warnOfExamples(places []layout.Handler) {
	leaves := func(place layout.Handler) bool {
		return slices.ContainsFunc(place.Gateways(), func(host string) bool { return !protocol.IsLoopback(host) })
	}
	if h.Sandbox || !slices.ContainsFunc(places, leaves) {
		return
	}
	for _, m := range h.merchants.all() {
		for _, option := range []struct{ name, value string }{
			{"app_id", m.identity.AppID}, {"merchant_no", m.identity.MerchantNo}, {"sp_merchant_no", m.identity.SPMerchantNo},
		} {
			if doubt, next := protocol.DoubtAboutIdentity(option.value); doubt != "" {
				h.logger.Warn(option.name+" "+doubt+"; "+next, zap.String(option.name, option.value))
			}
		}
	}
}

// knownGateway returns what is known about the handler's gateway before the first call. A
// gateway is identified by the config of the reverse_proxy that follows the handler.
func (h *Handler) knownGateway(places []layout.Handler) *gateways.Gateway {
	if h.Sandbox {
		sandbox := gateways.New("")
		sandbox.NoteSandbox()
		return sandbox
	}
	names := make(map[string]bool)
	for _, place := range places {
		name, err := json.Marshal(place.Proxy())
		if err != nil || place.Proxy() == nil {
			return gateways.New("")
		}
		names[string(name)] = true
	}
	if len(names) != 1 { // the calls may go to any of them
		return gateways.New("")
	}
	return gateways.New(slices.Collect(maps.Keys(names))[0])
}

// nothingSends refuses a call that no handler has sent. It is for configs where this
// could not be detected when they were loaded.
func nothingSends() *reply.Refusal {
	return &reply.Refusal{
		Code: "SYSTEM_ERROR", Msg: "no handler of the sidecar has sent the call to PayerMax; the operator must add a reverse_proxy with transport payermax",
		Status: http.StatusInternalServerError, ProxyError: "proxy_configuration_error", Outcome: reply.NotSent,
	}
}
