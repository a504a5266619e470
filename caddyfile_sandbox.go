package payermax

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// sandboxOptions are the options of payermax_sandbox.
var sandboxOptions = grammar.Block[Sandbox]{
	{Name: "private_key", Args: "<path>", Example: "private_key sandbox.key",
		Sets: grammar.Path(func(s *Sandbox) *string { return &s.PrivateKey })},
	{Name: "time_scale", Args: "<factor>", Example: "time_scale 1000",
		Sets: grammar.Factor(func(s *Sandbox) *float64 { return &s.TimeScale })},
	{Name: "notify_hosts", Args: "<hosts...>", Example: "notify_hosts app.test",
		Sets: grammar.Names(func(s *Sandbox) *[]string { return &s.NotifyHosts })},
	{Name: "no_control", Example: "no_control",
		Sets: grammar.Flag(func(s *Sandbox) *bool { return &s.NoControl })},
	{Name: "merchant", Example: `merchant {
	app_id 3b242b56a8b64274bcc37dac281120e3
	public_key merchant.pub
}`,
		Sets: grammar.List(func(s *Sandbox) *[]SandboxMerchant { return &s.Merchants }, nil, sandboxMerchantOptions)},
}

// sandboxMerchantOptions are the options of a merchant that the sandbox knows.
var sandboxMerchantOptions = grammar.Block[SandboxMerchant]{
	{Name: "app_id", Args: "<app_id>", Example: "app_id 3b242b56a8b64274bcc37dac281120e3",
		Sets: grammar.Text(func(m *SandboxMerchant) *string { return &m.AppID })},
	{Name: "merchant_no", Args: "<merchant_no>", Example: "merchant_no 020213827212251",
		Sets: grammar.Text(func(m *SandboxMerchant) *string { return &m.MerchantNo })},
	{Name: "sp_merchant_no", Args: "<sp_merchant_no>", Example: "sp_merchant_no SP1002",
		Sets: grammar.Text(func(m *SandboxMerchant) *string { return &m.SPMerchantNo })},
	{Name: "merchant_auth_token", Args: "<placeholder>", Example: "merchant_auth_token {file./run/secrets/token}",
		Sets: grammar.Placeholder(func(m *SandboxMerchant) *string { return &m.MerchantAuthToken })},
	{Name: "public_key", Args: "<path>", Example: "public_key merchant.pub",
		Sets: grammar.Path(func(m *SandboxMerchant) *string { return &m.PublicKey })},
}

// parseSandbox sets up the sandbox as a site's handler:
//
//	payermax_sandbox [<matcher>] {
//	    <options...>
//	}
func parseSandbox(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	sandbox := new(Sandbox)
	return sandbox, sandbox.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the sandbox from Caddyfile tokens. The options of
// payermax_sandbox are in docs/configuration.md.
func (s *Sandbox) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	return sandboxOptions.Read(d, s)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Sandbox)(nil)
