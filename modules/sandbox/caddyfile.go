package sandbox

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective(layout.Sandbox, parse)
}

// Options are the options of payermax_sandbox.
var Options = grammar.Block[Handler]{
	{Name: "private_key", Args: "<path>", Example: "private_key sandbox.key",
		Sets: grammar.Path(func(s *Handler) *string { return &s.PrivateKey })},
	{Name: "time_scale", Args: "<factor>", Example: "time_scale 1000",
		Sets: grammar.Factor(func(s *Handler) *float64 { return &s.TimeScale })},
	{Name: "notify_hosts", Args: "<hosts...>", Example: "notify_hosts app.test",
		AsWritten: true, Sets: grammar.Names(func(s *Handler) *[]string { return &s.NotifyHosts })},
	{Name: "strict", Example: "strict",
		Sets: grammar.Flag(func(s *Handler) *bool { return &s.Strict })},
	{Name: "no_control", Example: "no_control",
		Sets: grammar.Flag(func(s *Handler) *bool { return &s.NoControl })},
	{Name: "merchant", Example: `merchant {
	app_id 3b242b56a8b64274bcc37dac281120e3
	public_key merchant.pub
}`,
		Sets: grammar.List(func(s *Handler) *[]Merchant { return &s.Merchants }, nil, merchantOptions)},
}

// merchantOptions are the options of a merchant that the sandbox knows.
var merchantOptions = grammar.Block[Merchant]{
	{Name: "app_id", Args: "<app_id>", Example: "app_id 3b242b56a8b64274bcc37dac281120e3",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.AppID })},
	{Name: "merchant_no", Args: "<merchant_no>", Example: "merchant_no 020213827212251",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.MerchantNo })},
	{Name: "sp_merchant_no", Args: "<sp_merchant_no>", Example: "sp_merchant_no SP1002",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.SPMerchantNo })},
	{Name: "merchant_auth_token", Args: "<placeholder>", Example: "merchant_auth_token {file./run/secrets/token}",
		Sets: grammar.Placeholder(func(m *Merchant) *string { return &m.MerchantAuthToken })},
	{Name: "public_key", Args: "<path>", Example: "public_key merchant.pub",
		Sets: grammar.Path(func(m *Merchant) *string { return &m.PublicKey })},
	{Name: "token_notify_url", Args: "<url>", Example: "token_notify_url http://127.0.0.1:3000/payermax/cards",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.TokenNotifyURL })},
}

// parse sets up the sandbox as a site's handler:
//
//	payermax_sandbox [<matcher>] {
//	    <options...>
//	}
func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the sandbox from Caddyfile tokens. The options of
// payermax_sandbox are in docs/configuration.md.
func (s *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	return Options.Read(d, s)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
