package payermax

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
//	    gateway uat|production|sandbox|<url> [<backup_url>]
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
// It refuses a merchant's credentials beside it, unless sandbox is written twice.
//
// With a backup, the reverse proxy has two upstreams and these options, unless
// they are given: lb_policy first, lb_retries 1, fail_duration 10s, and an
// lb_retry_match that leaves it to the transport whether a call may be sent once
// more.
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
	var gateway *gatewayOption
	for h.NextBlock(0) {
		segment := h.NextSegment()
		option := caddyfile.NewDispenser(segment)
		option.Next()
		switch option.Val() {
		case "gateway":
			if gateway != nil {
				return nil, option.Err("gateway is already set")
			}
			if gateway, err = unmarshalGateway(option); err != nil {
				return nil, err
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
	switch {
	case gateway == nil:
		if name := proxy.resembling("gateway"); name != "" {
			return nil, h.Errf("unrecognized option %s; did you mean gateway?", name)
		}
		return nil, h.Err("gateway is required: uat, production, sandbox or a URL such as https://host")
	case gateway.sandbox:
		if len(proxy.tokens) > 0 {
			return nil, h.Errf("%s has no place here: with gateway sandbox there is no reverse proxy", proxy.tokens[0].Text)
		}
		handler.Sandbox, handler.SandboxWithCredentials = true, gateway.sandboxWithCredentials
		handlers = append(handlers, caddyconfig.JSONModuleObject(handler, "handler", "payermax", nil))
	default:
		reverseProxy, err := proxy.parse(h, gateway.upstreams)
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
//
//	    validation         strict|warn|off
//	    contract {
//	        currencies <codes...>
//	        countries  <codes...>
//	        components <names...>
//	    }
//	    limits {
//	        max_amount <currency> <amount>
//	        rate       <requests_per_second> [<burst>]
//	        caller_id  <placeholder>
//	        caller <id> {
//	            endpoints  drop_in|all|<names...>
//	            max_amount <currency> <amount>
//	            rate       <requests_per_second> [<burst>]
//	        }
//	    }
//	    shadow
//	    follow_gateway_clock
//	    retry_repeatable
//
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
