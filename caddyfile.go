package payermax

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	httpcaddyfile.RegisterDirective("payermax", parsePayermax)
	httpcaddyfile.RegisterDirectiveOrder("payermax", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterHandlerDirective("payermax_sign", parseSign)
	httpcaddyfile.RegisterDirectiveOrder("payermax_sign", httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterHandlerDirective("payermax_notify", parseNotify)
	httpcaddyfile.RegisterDirectiveOrder("payermax_notify", httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterHandlerDirective("payermax_health", parseHealth)
	httpcaddyfile.RegisterDirectiveOrder("payermax_health", httpcaddyfile.Before, "invoke")
	httpcaddyfile.RegisterHandlerDirective("payermax_sandbox", parseSandbox)
	httpcaddyfile.RegisterDirectiveOrder("payermax_sandbox", httpcaddyfile.Before, "reverse_proxy")
}

// parsePayermax sets up the handler and the reverse proxy to PayerMax. Syntax:
//
//	payermax [<matcher>] {
//	    gateway uat|production|sandbox|<url>
//
//	    # any option of payermax_sign
//	    app_id      <app_id>
//	    private_key <path>
//	    ...
//
//	    # any option of reverse_proxy
//	    transport http {
//	        ...
//	    }
//	    ...
//	}
//
// It is short for the following, which it keeps together in a subroute:
//
//	payermax_sign [<matcher>] {
//	    app_id      <app_id>
//	    private_key <path>
//	    ...
//	}
//	reverse_proxy [<matcher>] https://pay-gate-uat.payermax.com {
//	    transport payermax
//	    ...
//	}
//
// A transport http in the block becomes a transport payermax with the same
// options. With gateway sandbox there is no reverse proxy: the sandbox answers.
func parsePayermax(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // consume the directive name
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	h.Next() // consume the directive name again, which the matcher's extraction rewound
	directive := h.Token()
	if h.NextArg() {
		return nil, h.Errf("unexpected argument %q: payermax takes its options in a block", h.Val())
	}

	handler := new(Handler)
	proxy := proxyOptions{directive: directive}
	var gateway, upstream string
	for h.NextBlock(0) {
		segment := h.NextSegment()
		option := caddyfile.NewDispenser(segment)
		option.Next()
		switch option.Val() {
		case "gateway":
			if gateway != "" {
				return nil, option.Err("gateway is already set")
			}
			if !option.AllArgs(&gateway) {
				return nil, option.ArgErr()
			}
			if upstream, err = gatewayURL(gateway); err != nil {
				return nil, option.Errf("gateway: %w", err)
			}
		default:
			known, err := handler.unmarshalOption(option)
			if err != nil {
				return nil, err
			}
			if known {
				continue
			}
			if err := proxy.add(segment); err != nil {
				return nil, err
			}
		}
	}

	var handlers []json.RawMessage
	switch gateway {
	case "":
		return nil, h.Err("gateway is required: uat, production, sandbox or a URL such as https://host")
	case gatewaySandbox:
		if len(proxy.tokens) > 0 {
			return nil, h.Errf("%s has no place here: with gateway sandbox there is no reverse proxy", proxy.tokens[0].Text)
		}
		handler.Sandbox = true
		handlers = append(handlers, caddyconfig.JSONModuleObject(handler, "handler", "payermax", nil))
	default:
		reverseProxy, err := proxy.parse(h, upstream)
		if err != nil {
			return nil, err
		}
		handlers = append(handlers,
			caddyconfig.JSONModuleObject(handler, "handler", "payermax", nil),
			caddyconfig.JSONModuleObject(reverseProxy, "handler", "reverse_proxy", nil))
	}

	return h.NewRoute(matchers, &caddyhttp.Subroute{
		Routes: caddyhttp.RouteList{{HandlersRaw: handlers}},
	}), nil
}

// proxyOptions are the options in a payermax block that are reverse_proxy's.
type proxyOptions struct {
	directive    caddyfile.Token
	tokens       []caddyfile.Token
	hasTransport bool
}

// add takes an option with its arguments and block.
func (o *proxyOptions) add(option caddyfile.Segment) error {
	d := caddyfile.NewDispenser(option)
	d.Next()
	switch d.Val() {
	case "to", "dynamic":
		return d.Errf("%s has no place here: the upstream is the one that gateway names", d.Val())
	case "transport":
		if o.hasTransport {
			return d.Err("transport is already set")
		}
		if !d.NextArg() {
			return d.ArgErr()
		}
		if d.Val() != "http" && d.Val() != "payermax" {
			return d.Errf("transport %s cannot carry a signed call; expected transport http", d.Val())
		}
		option[1].Text = "payermax"
		o.hasTransport = true
	}
	o.tokens = append(o.tokens, option...)
	return nil
}

// parse has reverse_proxy's own parser read the options, behind the gateway's
// URL and the transport that carries signed calls.
func (o *proxyOptions) parse(h httpcaddyfile.Helper, upstream string) (*reverseproxy.Handler, error) {
	word := func(text string) caddyfile.Token {
		token := o.directive
		token.Text = text
		return token
	}
	tokens := []caddyfile.Token{word("reverse_proxy"), word(upstream), word("{")}
	if !o.hasTransport {
		tokens = append(tokens, word("transport"), word("payermax"))
	}
	tokens = append(tokens, o.tokens...)
	// A brace closes a block only on a line of its own.
	last := tokens[len(tokens)-1]
	closing := word("}")
	closing.File, closing.Line = last.File, last.Line+strings.Count(last.Text, "\n")+1
	tokens = append(tokens, closing)

	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
		return nil, err
	}
	return proxy, proxy.FinalizeUnmarshalCaddyfile(h)
}

// parseSign sets up the handler alone. Syntax:
//
//	payermax_sign [<matcher>] {
//	    app_id             <app_id>
//	    merchant_no        <merchant_no>
//	    sp_merchant_no     <sp_merchant_no>
//	    merchant_auth_token <placeholder>
//
//	    # one of several merchants, instead of the options above
//	    merchant [<merchant_no>] {
//	        match [<matchers...>] {
//	            ...
//	        }
//	        app_id      <app_id>
//	        private_key <path>
//	        ...
//	    }
//
//	    # the signing key; private_key is short for key file
//	    private_key        <path>
//	    key                <source> [...]
//
//	    # the key to change over to, when PayerMax does
//	    next_private_key   <path>
//	    next_key           <source> [...]
//
//	    # the public half of the signing key, as PayerMax has it
//	    merchant_public_key <path>
//
//	    # PayerMax's own keys
//	    gateway_public_key <paths...>
//
//	    endpoints          drop_in|all|<names...>
//	    version            [<endpoint>] <version>
//	    key_version        <key_version>
//	    max_body_size      <size>
//	    timeout            <duration>
//	}
//
// The source of a key is a module in the namespace payermax.keys.
//
// It is followed by a reverse_proxy that has transport payermax, which alone
// keeps the signature out of debug logs and sends it at most once.
func parseSign(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// parseHealth sets up the health probes. Syntax:
//
//	payermax_health [<matcher>]
func parseHealth(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // consume the directive name
	if h.NextArg() || h.NextBlock(0) {
		return nil, h.Err("payermax_health takes no options")
	}
	return new(Health), nil
}
