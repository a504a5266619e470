package layout

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// LeadsBack returns the upstream through which every request that the handler passes on
// certainly reaches it again, or "". It is not certain if the way back depends on more than
// the address, the host and the path, or if another site has the host.
func (h Handler) LeadsBack() string {
	if h.front != "" || h.forErrors || len(h.rewrites) > 0 || !h.isToldByHostAndPath() {
		return ""
	}
	for _, dial := range dialsOf(h.Proxy()) {
		to, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceKnown(dial, ""))
		if err == nil && h.listensAt(to) && h.isFor(to) {
			return dial
		}
	}
	return ""
}

// isToldByHostAndPath reports whether only host, path and method decide whether a request
// reaches the handler. The method of a call does not change on its way.
func (h Handler) isToldByHostAndPath() bool {
	for _, set := range h.matcherSets() {
		for name := range set {
			if name != "host" && name != "path" && name != "method" {
				return false
			}
		}
	}
	return true
}

// isFor reports whether the handler's site serves the host in an upstream's address.
func (h Handler) isFor(to caddy.NetworkAddress) bool {
	named := func(host string) bool { return strings.EqualFold(host, to.Host) }
	if len(h.Hosts) > 0 {
		return slices.ContainsFunc(h.Hosts, named)
	}
	return !slices.ContainsFunc(listOf(h.Server["routes"]), func(route any) bool {
		return slices.ContainsFunc(hostsOf(listOf(objectOf(route)["match"])), func(host string) bool {
			return named(host) || strings.ContainsAny(host, "*{") || to.IsUnixNetwork()
		})
	})
}

// listensAt reports whether a connection to an address reaches the handler's server.
func (h Handler) listensAt(to caddy.NetworkAddress) bool {
	return slices.ContainsFunc(h.Listen, func(text string) bool {
		at, err := caddy.ParseNetworkAddress(text)
		switch {
		case err != nil || at.IsUnixNetwork() != to.IsUnixNetwork():
			return false
		case at.IsUnixNetwork():
			path, _, _ := strings.Cut(at.Host, "|") // the socket's permissions follow it
			return path == to.Host
		}
		return to.PortRangeSize() == 1 && at.StartPort <= to.StartPort && to.StartPort <= at.EndPort && isSameMachine(at.Host, to.Host)
	})
}

// isSameMachine reports whether a server that listens on one host can be reached through
// another host. This machine's names and addresses other than loopback are not known here.
func isSameMachine(listens, called string) bool {
	at, err := netip.ParseAddr(listens)
	switch {
	case listens == "" || err == nil && at.IsUnspecified():
		return protocol.IsLoopback(called) || called == listens
	case strings.EqualFold(listens, called):
		return true
	case strings.EqualFold(listens, "localhost") || strings.EqualFold(called, "localhost"):
		return protocol.IsLoopback(listens) && protocol.IsLoopback(called)
	}
	to, err := netip.ParseAddr(called)
	return err == nil && at.IsValid() && at.Unmap() == to.Unmap()
}
