package notify

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// WayPast describes how requests can get past a payermax_notify handler, or how notifications
// can miss the application behind it, and what to do about it.
type WayPast struct{ Message, Next string }

// WaysPast returns the ways past a payermax_notify handler.
func WaysPast(found *layout.Layout, h layout.Handler) []WayPast {
	var ways []WayPast
	if !found.IsGuarded(h) {
		ways = append(ways, WayPast{
			"payermax_notify does not see every request of its site first, so a forged " + verifiedHeader + " can reach other handlers of the site",
			"write payermax_notify_guard in the site, outside its blocks; in JSON, make that handler the first of the site",
		})
	}
	if found.HasSideDoor(h) {
		ways = append(ways, WayPast{
			"another site proxies to the application behind payermax_notify, so a forged " + verifiedHeader + " can reach it there",
			"write payermax_notify_guard in that site as well",
		})
	}
	if h.IsForErrors() {
		ways = append(ways, WayPast{
			"payermax_notify is in handle_errors, which runs only after another handler has failed, so no notification reaches it in normal operation",
			"write payermax_notify in the site itself, outside handle_errors",
		})
	}
	if h.AsksForPassword(h.Patterns()) {
		ways = append(ways, WayPast{
			"each request must authenticate before it reaches payermax_notify, as by basic_auth, but PayerMax sends no user name and password, so no notification reaches it",
			"give the authentication a matcher that excludes the path of notifications; payermax_notify itself verifies PayerMax's signature",
		})
	}
	if h.AsksForCertificate() {
		ways = append(ways, WayPast{
			"each connection to payermax_notify needs a client certificate, and PayerMax documents none of its own, so only a proxy with a certificate can deliver notifications",
			"unless there is such a proxy, receive notifications at a site without client_auth; payermax_notify itself verifies PayerMax's signature",
		})
	}
	if front := h.Front(); front != "" {
		ways = append(ways, WayPast{
			fmt.Sprintf("the handler %s answers every request before payermax_notify sees it, so no notification reaches it", front),
			"give it its own path, remove it, or write both in a route block, with payermax_notify first",
		})
	}
	if h.IsCutOff() {
		ways = append(ways, WayPast{
			"payermax answers each request that payermax_notify passes on, so no notification reaches an application",
			"write a matcher after payermax, such as payermax /aggregate-pay/*, or give it its own site",
		})
	}
	if name, path := h.AnsweredBefore(); name != "" && !h.IsCutOff() {
		ways = append(ways, WayPast{
			fmt.Sprintf("the handler %s answers notifications for %s before the reverse_proxy behind it, so the application does not get them", name, cmp.Or(path, "all paths")),
			"give it its own path, remove it, or write both in a route block, with reverse_proxy first",
		})
	}
	if path := h.UnansweredPath(); path != "" && !h.IsUnanswered() {
		ways = append(ways, WayPast{
			fmt.Sprintf("no handler behind payermax_notify serves %s, so each notification for it is refused with 503, and PayerMax delivers it again", path),
			"write the same path for payermax_notify and for the reverse_proxy behind it",
		})
	}
	if h.IsUnanswered() {
		ways = append(ways, WayPast{
			"no handler follows payermax_notify that could pass a notification on to an application, so each is refused with 503, and PayerMax delivers it again",
			"add a reverse_proxy to the application behind payermax_notify, for the same path",
		})
	}
	for _, path := range h.ExactPaths() {
		ways = append(ways, WayPast{
			fmt.Sprintf("payermax_notify matches exactly the path %[1]s: a request for a variant such as %[1]s/, which an application may treat as the same path, is not verified", path),
			fmt.Sprintf("write %s*, for payermax_notify and for the reverse_proxy behind it", strings.TrimRight(path, "/")),
		})
	}
	if names := found.Sidesteps(h); len(names) > 0 {
		ways = append(ways, WayPast{
			"payermax_notify is matched by " + strings.Join(names, " and ") + ", so a request can bypass it and reach an application of the same site",
			"match by the path only: payermax_notify refuses everything except signed POST requests",
		})
	}
	return ways
}

// warnOfWaysPast logs each way past the handler once.
func (n *Handler) warnOfWaysPast(found *layout.Layout, places []layout.Handler) {
	warned := make(map[WayPast]bool)
	for _, place := range places {
		for _, way := range WaysPast(found, place) {
			if !warned[way] {
				n.logger.Warn(way.Message + "; " + way.Next)
			}
			warned[way] = true
		}
	}
}
