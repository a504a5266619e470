package payermax

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

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
	found, places := layout.Places(ctx, layout.Notify, n)
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
