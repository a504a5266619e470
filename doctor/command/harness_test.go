package command

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// standIn replaces the handler that signs, of which this package knows only the name.
type standIn struct{}

func init() {
	caddy.RegisterModule(standIn{})
	httpcaddyfile.RegisterHandlerDirective("payermax_sign", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		for h.Next() {
			for h.NextBlock(0) {
				h.RemainingArgs() // whatever the option is
			}
		}
		return standIn{}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("payermax_sign", httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterDirectiveOrder(layout.Notify, httpcaddyfile.Before, "invoke")
}

func (standIn) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.payermax", New: func() caddy.Module { return new(standIn) }}
}

func (standIn) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}
