package payermax

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// parseNotify sets up the verification of PayerMax's notifications. Syntax:
//
//	payermax_notify [<matcher>] {
//	    gateway_public_key <paths...>
//	    app_id             <app_ids...>
//	    merchant_no        <merchant_nos...>
//	    max_body_size      <size>
//	    ack                after
//	    duplicates         <window>
//	}
//
// It brings the guard along, which sees all requests for the site: a matcher says
// which have to be notifications, not which can be forged.
func parseNotify(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive name
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	notify := new(Notify)
	if err := notify.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	route := caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(notify, "handler", layout.Notify, nil)}}
	if matchers != nil {
		route.MatcherSetsRaw = caddyhttp.RawMatcherSets{matchers}
	}
	guard := caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(new(NotifyGuard), "handler", layout.Guard, nil)}}
	return h.NewRoute(nil, &caddyhttp.Subroute{Routes: caddyhttp.RouteList{guard, route}}), nil
}

// parseNotifyGuard sets up the guard alone. Syntax:
//
//	payermax_notify_guard
func parseNotifyGuard(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive name
	if h.NextArg() || h.NextBlock(0) {
		return nil, h.Err("payermax_notify_guard takes neither a matcher nor options: it is for all requests")
	}
	return h.NewRoute(nil, new(NotifyGuard)), nil
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
		case "app_id":
			err = unmarshalNames(d, &n.AppIDs)
		case "merchant_no":
			err = unmarshalNames(d, &n.MerchantNos)
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
