package notify

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func init() {
	httpcaddyfile.RegisterDirective(layout.Guard, parseGuard)
	httpcaddyfile.RegisterDirective(layout.Notify, parseHandler)
}

// Options are the options of payermax_notify.
var Options = grammar.Block[Handler]{
	{Name: "gateway_public_key", Args: "<paths...>", Example: "gateway_public_key /run/secrets/payermax/payermax.pub",
		Sets: grammar.Paths(func(n *Handler) *[]string { return &n.GatewayPublicKeys })},
	{Name: "sandbox", Example: "sandbox",
		Sets: grammar.Flag(func(n *Handler) *bool { return &n.Sandbox })},
	{Name: "app_id", Args: "<app_ids...>", Example: "app_id {env.PAYERMAX_APP_ID}",
		Sets: grammar.Names(func(n *Handler) *[]string { return &n.AppIDs })},
	{Name: "merchant_no", Args: "<merchant_nos...>", Example: "merchant_no {env.PAYERMAX_MERCHANT_NO}",
		Sets: grammar.Names(func(n *Handler) *[]string { return &n.MerchantNos })},
	{Name: "max_body_size", Args: "<size>", Example: "max_body_size 512KiB",
		Sets: grammar.Size(func(n *Handler) *int64 { return &n.MaxBodySize }, grammar.Range{Least: "128B", Most: "1GiB"})},
	{Name: "ack", Args: "after", Example: "ack after",
		AsWritten: true, Sets: grammar.Text(func(n *Handler) *string { return &n.Ack })},
	{Name: "duplicates", Args: "<window>", Example: "duplicates 24h",
		Sets: grammar.Duration(func(n *Handler) *caddy.Duration { return &n.Duplicates }, grammar.Range{Least: "1s", Most: "365d"})},
	{Name: "store", Args: "memory|redis [...]", Example: `duplicates 24h
store memory`,
		Sets: grammar.Into(func(n *Handler) *json.RawMessage { return &n.StoreRaw }, stores.ReadStore)},
}

// parseHandler sets up the verification of PayerMax's notifications:
//
//	payermax_notify [<matcher>] {
//	    <options...>
//	}
//
// It adds the guard, which sees all requests for the site: a matcher selects the requests
// that must be notifications, but a proof can be forged in any request.
func parseHandler(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive name
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	route := caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(handler, "handler", layout.Notify, nil)}}
	if matchers != nil {
		route.MatcherSetsRaw = caddyhttp.RawMatcherSets{matchers}
	}
	guard := caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(new(Guard), "handler", layout.Guard, nil)}}
	return h.NewRoute(nil, &caddyhttp.Subroute{Routes: caddyhttp.RouteList{guard, route}}), nil
}

// parseGuard sets up the guard alone. Syntax:
//
//	payermax_notify_guard
func parseGuard(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive name
	if h.NextArg() || h.NextBlock(0) {
		return nil, h.Err("payermax_notify_guard takes no matcher and no options: it applies to all requests")
	}
	return h.NewRoute(nil, new(Guard)), nil
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. The options of
// payermax_notify are in docs/configuration.md.
func (n *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	return Options.Read(d, n)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
