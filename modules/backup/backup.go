// Package backup provides the load-balancing policy for a gateway that has a backup.
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

// Policy chooses the first available upstream, as Caddy's policy `first` does. If none is
// available, it chooses the one with the fewest recent failures, instead of none. After a
// short network failure or a restart of the gateway, each upstream has a failure on record.
// Without this rule, calls would be refused for as long as those failures are remembered,
// although all upstreams work again.
type Policy struct{}

// CaddyModule returns the Caddy module information.
func (*Policy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.selection_policies.payermax_backup",
		New: func() caddy.Module { return new(Policy) },
	}
}

// Select returns the upstream to use, or nil if all of them have reached their limit of
// requests.
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

// UnmarshalCaddyfile reads the policy's name. The policy takes no arguments.
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
