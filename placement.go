package payermax

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// placesOf returns the layout of the server that a handler is being provisioned
// for, and the places in it where the handler may stand: those of the handlers
// that are configured as this one is. It must be called before provisioning has
// changed the handler's config. There is no layout for a handler that is loaded by
// itself.
func placesOf[T any](ctx caddy.Context, module string, own *T) (*layout.Layout, []layout.Handler) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil, nil
	}
	found := layout.Read(map[string]any{"": layout.OfServer(server)})
	return found, slices.DeleteFunc(slices.Clone(found.Handlers), func(h layout.Handler) bool {
		return h.Module != module || !isConfigOf(h.Config, own)
	})
}

// isConfigOf reports whether a handler's JSON says the same as a module's config.
func isConfigOf[T any](config map[string]any, own *T) bool {
	text, err := json.Marshal(without(config, "handler"))
	if err != nil {
		return false
	}
	other := new(T)
	if err := json.Unmarshal(text, other); err != nil {
		return false
	}
	one, err := plainJSON(own)
	if err != nil {
		return false
	}
	two, err := plainJSON(other)
	return err == nil && reflect.DeepEqual(one, two)
}

// plainJSON returns the JSON of a module's config, decoded, so that neither the
// order of members nor white space makes a difference.
func plainJSON(config any) (configTree, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return decodeTree(text)
}

// errNothingSends is why a handler that signs cannot be loaded.
var errNothingSends = errors.New("payermax_sign: no handler follows that could send the call to PayerMax; add a reverse_proxy with transport payermax")

// checkIsFollowed refuses a handler that certainly has nothing behind it to send
// what it signs. It must be called before provisioning has changed the config.
func (h *Handler) checkIsFollowed(ctx caddy.Context) error {
	if h.Sandbox {
		return nil
	}
	_, places := placesOf(ctx, layout.Sign, h)
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

// wayPast is a way on which requests get past a payermax_notify handler, and what
// to do about it.
type wayPast struct{ message, next string }

// waysPast returns the ways past a payermax_notify handler.
func waysPast(found *layout.Layout, h layout.Handler) []wayPast {
	var ways []wayPast
	if !found.IsGuarded(h) {
		ways = append(ways, wayPast{
			"payermax_notify does not see each request for its site first, so that a forged " + verifiedHeader + " can reach what is behind the site",
			"write payermax_notify_guard into the site, outside of its blocks; in JSON, make that handler the first of the site",
		})
	}
	if found.HasSideDoor(h) {
		ways = append(ways, wayPast{
			"another site leads to the application behind payermax_notify, so that a forged " + verifiedHeader + " can reach it there",
			"write payermax_notify_guard into that site as well",
		})
	}
	for _, path := range h.ExactPaths() {
		ways = append(ways, wayPast{
			fmt.Sprintf("payermax_notify is for exactly the path %[1]s: a request for a variant such as %[1]s/, which an application may take for the same, is not verified", path),
			fmt.Sprintf("write %s*, for payermax_notify and for the reverse_proxy behind it", strings.TrimRight(path, "/")),
		})
	}
	if names := found.Sidesteps(h); len(names) > 0 {
		ways = append(ways, wayPast{
			"payermax_notify is matched by " + strings.Join(names, " and ") + ", so that a request can be sent past it to an application of the same site",
			"match by the path alone: payermax_notify refuses what is not a signed POST",
		})
	}
	return ways
}

// warnOfWaysPast logs the ways past the handler. It must be called before
// provisioning has changed the config.
func (n *Notify) warnOfWaysPast(ctx caddy.Context) {
	found, places := placesOf(ctx, layout.Notify, n)
	warned := make(map[wayPast]bool)
	for _, place := range places {
		for _, way := range waysPast(found, place) {
			if !warned[way] {
				n.logger.Warn(way.message + "; " + way.next)
			}
			warned[way] = true
		}
	}
}
