package payermax

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// parseNotify sets up the verification of PayerMax's notifications. Syntax:
//
//	payermax_notify [<matcher>] {
//	    gateway_public_key <paths...>
//	    max_body_size      <size>
//	    ack                after
//	    duplicates         <window>
//	}
func parseNotify(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	notify := new(Notify)
	return notify, notify.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Its syntax is
// that of payermax_notify.
func (n *Notify) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: payermax_notify takes its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "gateway_public_key":
			err = unmarshalPaths(d, &n.GatewayPublicKeys)
		case "max_body_size":
			err = unmarshalSize(d, &n.MaxBodySize)
		case "ack":
			err = unmarshalText(d, &n.Ack)
		case "duplicates":
			err = unmarshalDuration(d, &n.Duplicates)
		default:
			err = unrecognized(d, notifyOptions)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Notify)(nil)
