package layout

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// LeadsBack returns the upstream by which each request that the handler passes on
// certainly comes to it again, or "". Where that depends on more than the address, the host
// and the path, or another site has the host, it is not certain.
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

// isToldByHostAndPath reports whether nothing else decides whether a request comes to the
// handler. The method of a call does not change on its way.
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

// isFor reports whether the handler's site is the one for the host by which an upstream
// is called.
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

// listensAt reports whether whoever connects to an address comes to the handler's server.
func (h Handler) listensAt(to caddy.NetworkAddress) bool {
	return slices.ContainsFunc(h.Listen, func(text string) bool {
		at, err := caddy.ParseNetworkAddress(text)
		switch {
		case err != nil || at.IsUnixNetwork() != to.IsUnixNetwork():
			return false
		case at.IsUnixNetwork():
			path, _, _ := strings.Cut(at.Host, "|") // which the socket's permissions follow
			return path == to.Host
		}
		return to.PortRangeSize() == 1 && at.StartPort <= to.StartPort && to.StartPort <= at.EndPort && isSameMachine(at.Host, to.Host)
	})
}

// isSameMachine reports whether a server that listens at one host is reached by another
// host. The names and addresses of this machine beyond loopback are not known here.
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
