// Package backup has the load balancing policy of a gateway that has a backup.
package backup

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	caddy.RegisterModule(new(Policy))
}

// Policy chooses the first upstream that is available, as Caddy's policy `first` does.
// If none is, it chooses the one with the fewest recent failures, rather than none: a
// short failure of the network, or a gateway that has been started anew, leaves a failure
// with each of the upstreams, and calls would be refused for as long as these are
// remembered though all of them are well again.
type Policy struct{}

// CaddyModule returns the Caddy module information.
func (*Policy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.selection_policies.payermax_backup",
		New: func() caddy.Module { return new(Policy) },
	}
}

// Select returns the upstream to be asked, or nil if all of them have as many requests as
// they may.
func (*Policy) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	var least *reverseproxy.Upstream
	for _, upstream := range pool {
		switch {
		case upstream.Available():
			return upstream
		case upstream.Full():
		case least == nil || upstream.Host.Fails() < least.Host.Fails():
			least = upstream
		}
	}
	return least
}

// UnmarshalCaddyfile reads the policy's name, which has no arguments.
func (*Policy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the name
	if d.NextArg() {
		return d.Err("lb_policy payermax_backup takes no options; remove what follows it")
	}
	return nil
}

// Interface guards
var (
	_ reverseproxy.Selector = (*Policy)(nil)
	_ caddyfile.Unmarshaler = (*Policy)(nil)
)
