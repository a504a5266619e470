package notify

import (
	"context"
	"net/http"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

func init() {
	caddy.RegisterModule(new(Guard))
}

// Guard keeps the proof of `payermax_notify` from being forged, on every path of a
// site. It removes the header `Payermax-Verified`, and any name that an application
// could read as `Payermax-Verified`, from each request that `payermax_notify` has not
// verified. It also drops the trailers of requests, which could bring the header after
// the body. A request that no handler answers gets a 404 instead of Caddy's empty 200.
//
// The directive `payermax_notify` includes the guard, but for the handlers after it
// only. Write `payermax_notify_guard` yourself where that is not the whole site: if
// `payermax_notify` is inside a `handle` or `route`, or if the config is JSON. A
// warning says so when the config is loaded. Also write it in every other site that
// leads to the same application. It takes no options. Caddy orders it before all other
// directives; in JSON, it must be the first handler of the site.
type Guard struct {
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Guard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax_notify_guard",
		New: func() caddy.Module { return new(Guard) },
	}
}

// Provision sets the logger.
func (g *Guard) Provision(ctx caddy.Context) error {
	g.logger = ctx.Logger()
	return nil
}

// ServeHTTP passes a request on, without any proof that is not ours. It keeps the error of a
// request with a signature out of the server's log.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !isVerified(r.Context()) {
		r = withoutProof(r)
	}
	answered := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return reply.OrNotFound(w, r, next)
	})
	if isSigned(r) {
		return unlogged(g.logger, w, r, answered)
	}
	return answered(w, r)
}

// verifiedKey is the context key of requests that a Handler has verified.
type verifiedKey struct{}

// asVerified marks a request as verified.
func asVerified(ctx context.Context) context.Context {
	return context.WithValue(ctx, verifiedKey{}, true)
}

// isVerified reports whether a Handler has verified the request.
func isVerified(ctx context.Context) bool {
	return ctx.Value(verifiedKey{}) != nil
}

// withoutProof returns the request without anything that could be taken for the proof. It
// changes the header in place: routes for errors get the original request, which has the same
// header.
func withoutProof(r *http.Request) *http.Request {
	for field := range r.Header {
		if looksLikeVerifiedHeader(field) {
			delete(r.Header, field)
		}
	}
	// The server fills in the trailers when the body ends, including unannounced ones.
	r = r.WithContext(r.Context())
	r.Trailer = nil
	return r
}

// looksLikeVerifiedHeader reports whether an application could take the field for the proof.
// CGI and its successors write _ for anything other than a letter or digit, and ignore case.
func looksLikeVerifiedHeader(field string) bool {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, field)
	return strings.EqualFold(plain, "payermaxverified")
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Guard)(nil)
	_ caddyhttp.MiddlewareHandler = (*Guard)(nil)
)
