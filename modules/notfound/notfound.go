// Package notfound is the Caddy module that answers 404 to requests that no handler of a site
// answers.
package notfound

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler passes each request on, and answers `404` with the code `NOT_FOUND` if no handler
// behind it answers. Caddy would answer such a request with an empty `200`, which an
// application could mistake for PayerMax's answer. It has no options.
type Handler struct{}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax_not_found",
		New: func() caddy.Module { return new(Handler) },
	}
}

// ServeHTTP passes a request on, and answers 404 if no other handler answers.
func (*Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return reply.OrNotFound(w, r, next)
}

// Interface guards
var _ caddyhttp.MiddlewareHandler = (*Handler)(nil)
