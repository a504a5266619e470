package payermax

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// notifyOptions are the options of payermax_notify.
var notifyOptions = grammar.Block[Notify]{
	{Name: "gateway_public_key", Args: "<paths...>", Example: "gateway_public_key /run/secrets/payermax/payermax.pub",
		Sets: grammar.Paths(func(n *Notify) *[]string { return &n.GatewayPublicKeys })},
	{Name: "max_body_size", Args: "<size>", Example: "max_body_size 512KiB",
		Sets: grammar.Size(func(n *Notify) *int64 { return &n.MaxBodySize })},
	{Name: "ack", Args: "after", Example: "ack after",
		Sets: grammar.Text(func(n *Notify) *string { return &n.Ack })},
	{Name: "duplicates", Args: "<window>", Example: "duplicates 24h",
		Sets: grammar.Duration(func(n *Notify) *caddy.Duration { return &n.Duplicates })},
}

// parseNotify sets up the verification of PayerMax's notifications:
//
//	payermax_notify [<matcher>] {
//	    <options...>
//	}
func parseNotify(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	notify := new(Notify)
	return notify, notify.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. The options of
// payermax_notify are in docs/configuration.md.
func (n *Notify) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	return notifyOptions.Read(d, n)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Notify)(nil)
