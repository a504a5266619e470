package health

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("payermax_health", parse)
}

// Options are the options of payermax_health.
var Options = grammar.Block[Handler]{
	{Name: "certificates", Args: "<paths...>", Example: "certificates /run/secrets/tls/tls.crt /run/secrets/callers/ca.crt",
		Sets: grammar.Paths(func(h *Handler) *[]string { return &h.Certificates })},
}

// parse sets up the health probes:
//
//	payermax_health [<matcher>] {
//	    <options...>
//	}
//
// The block may be left out.
func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the health probes from Caddyfile tokens. The options of
// payermax_health are in docs/configuration.md.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	return Options.Read(d, h)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
