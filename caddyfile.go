package payermax

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/upstream"
	"github.com/caddy-payermax/caddy-payermax/modules/notfound"
)

func init() {
	httpcaddyfile.RegisterDirective("payermax", parsePayermax)
	httpcaddyfile.RegisterHandlerDirective("payermax_sign", parseSign)
	orderDirectives()
}

// orderDirectives registers the order of all directives, including those of modules/. If
// several directives are registered before the same one, the first to be registered comes
// first. So the order must not depend on the order in which Go initializes the packages.
func orderDirectives() {
	httpcaddyfile.RegisterDirectiveOrder("payermax", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterDirectiveOrder("payermax_sign", httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterDirectiveOrder(layout.Guard, httpcaddyfile.Before, "tracing") // which Caddy puts first
	httpcaddyfile.RegisterDirectiveOrder(layout.Notify, httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterDirectiveOrder("payermax_health", httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterDirectiveOrder("payermax_sandbox", httpcaddyfile.Before, "reverse_proxy")
}

// payermaxBlock holds the contents of a payermax block.
type payermaxBlock struct {
	handler *Handler
	gateway *upstream.Gateway
	proxy   upstream.ProxyOptions
}

// payermaxOptions are the options of payermax, except those that are passed on to
// reverse_proxy.
var payermaxOptions = slices.Concat(grammar.Block[payermaxBlock]{
	{Name: "gateway", Args: "uat|production|sandbox [sandbox]|<url> [<backup_url>]", Example: "gateway uat",
		Sets: grammar.By(readGateway)},
	{Name: "transport", Args: "http { ... }", Example: `gateway uat
transport http {
	dial_timeout 2s
	tls_trust_pool file /etc/ssl/payermax.pem
}`,
		Sets: grammar.By(func(d *caddyfile.Dispenser, b *payermaxBlock) error { return b.proxy.Add(d.NextSegment()) })},
}, grammar.Lift(handlerOptions, func(b *payermaxBlock) *Handler { return b.handler }))

// parsePayermax sets up the handler and the reverse proxy to PayerMax:
//
//	payermax [<matcher>] {
//	    gateway uat
//	    <options of payermax_sign...>
//	    <options of reverse_proxy...>
//	}
//
// It is short for the following, and keeps both handlers together in a subroute:
//
//	payermax_sign [<matcher>] {
//	    <options of payermax_sign...>
//	}
//	reverse_proxy [<matcher>] https://pay-gate-uat.payermax.com {
//	    transport payermax
//	    <options of reverse_proxy...>
//	}
//
// A transport http in the block becomes a transport payermax with the same
// options. With gateway sandbox there is no reverse proxy: the sandbox answers.
//
// With a matcher, a second route answers 404 to requests that neither this directive nor
// any later handler of the site answers, because Caddy's empty 200 would look like
// PayerMax's answer. That route follows the directive rather than enclosing it, so that
// Caddy still sorts the directive by its path.
//
// With a backup, the reverse proxy has two upstreams and these options, unless
// they are given: lb_policy payermax_backup, lb_retries 1, fail_duration 10s, and an
// lb_retry_match that leaves it to the transport whether a call may be sent once
// more.
func parsePayermax(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive name
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	h.Next() // consume it again, because ExtractMatcherSet resets the dispenser
	block := &payermaxBlock{handler: new(Handler), proxy: upstream.ProxyOptions{Directive: h.Token(), Hint: payermaxOptions.Hint}}
	if err := grammar.NoArgs(h.Dispenser); err != nil {
		return nil, err
	}
	for h.NextBlock(0) {
		if err := block.read(h.NextSegment()); err != nil {
			return nil, err
		}
	}
	handlers, err := block.handlers(h)
	if err != nil {
		return nil, err
	}
	routes := h.NewRoute(matchers, &caddyhttp.Subroute{
		Routes: caddyhttp.RouteList{{HandlersRaw: handlers}},
	})
	if matchers != nil {
		routes = append(routes, h.NewRoute(nil, new(notfound.Handler))...)
	}
	return routes, nil
}

// read reads one option with its arguments and block. Options that this module does not
// know are passed on to reverse_proxy.
func (b *payermaxBlock) read(option caddyfile.Segment) error {
	d := caddyfile.NewDispenser(option)
	d.Next()
	known, err := payermaxOptions.ReadOption(d, b)
	if err != nil || known {
		return err
	}
	return b.proxy.Add(option)
}

// readGateway reads where calls go.
func readGateway(d *caddyfile.Dispenser, b *payermaxBlock) (err error) {
	if b.gateway != nil {
		return d.Err("gateway is already set")
	}
	b.gateway, err = upstream.ReadGateway(d)
	return err
}

// handlers returns the handler and, unless the sandbox answers, the reverse proxy.
func (b *payermaxBlock) handlers(h httpcaddyfile.Helper) ([]json.RawMessage, error) {
	switch {
	case b.gateway == nil:
		if name := b.proxy.Resembling("gateway"); name != "" {
			return nil, h.Errf("unrecognized subdirective %s; did you mean gateway?", grammar.NameOrNot(name))
		}
		return nil, h.Err("gateway is required: uat, production, sandbox or a URL such as https://host")
	case b.gateway.Sandbox:
		if names := b.proxy.Names(); len(names) > 0 {
			return nil, h.Errf("%s has no place here: with gateway sandbox there is no reverse proxy", grammar.NameOrNot(names[0]))
		}
		b.handler.Sandbox, b.handler.SandboxWithCredentials = true, b.gateway.SandboxWithCredentials
		return []json.RawMessage{caddyconfig.JSONModuleObject(b.handler, "handler", "payermax", nil)}, nil
	}
	reverseProxy, err := b.proxy.Parse(h, b.gateway.URLs)
	if err != nil {
		return nil, err
	}
	return []json.RawMessage{
		caddyconfig.JSONModuleObject(b.handler, "handler", "payermax", nil),
		caddyconfig.JSONModuleObject(reverseProxy, "handler", "reverse_proxy", nil),
	}, nil
}

// parseSign sets up the handler alone:
//
//	payermax_sign [<matcher>] {
//	    <options...>
//	}
//
// A reverse_proxy with transport payermax must follow. Only that transport keeps the
// signature out of debug logs and sends the call at most once.
func parseSign(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}
