package payermax

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterDirective("payermax", parsePayermax)
	httpcaddyfile.RegisterDirectiveOrder("payermax", httpcaddyfile.Before, "reverse_proxy")
	httpcaddyfile.RegisterHandlerDirective("payermax_sign", parseSign)
	httpcaddyfile.RegisterDirectiveOrder("payermax_sign", httpcaddyfile.Before, "invoke")
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
//	    private_key        <path>
//	    gateway_public_key <path>
//	    version            1.5|1.6
//	    key_version        <key_version>
//	    max_body_size      <size>
//	    timeout            <duration>
//	}
//
// It is followed by a reverse_proxy that has transport payermax, which alone
// keeps the signature out of debug logs and sends it at most once.
func parseSign(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Its syntax is
// that of payermax_sign.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: payermax_sign takes its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		known, err := h.unmarshalOption(d)
		if err != nil {
			return err
		}
		if !known {
			return d.Errf("unrecognized option %s", d.Val())
		}
	}
	return nil
}

// unmarshalOption sets the option that d stands on, if it is one of the
// handler's.
func (h *Handler) unmarshalOption(d *caddyfile.Dispenser) (known bool, err error) {
	switch name := d.Val(); name {
	case "app_id":
		return true, unmarshalText(d, &h.AppID)
	case "merchant_no":
		return true, unmarshalText(d, &h.MerchantNo)
	case "sp_merchant_no":
		return true, unmarshalText(d, &h.SPMerchantNo)
	case "private_key":
		return true, unmarshalText(d, &h.PrivateKey)
	case "gateway_public_key":
		return true, unmarshalText(d, &h.GatewayPublicKey)
	case "version":
		return true, unmarshalText(d, &h.Version)
	case "key_version":
		return true, unmarshalText(d, &h.KeyVersion)
	case "max_body_size":
		var text string
		if err := unmarshalOnce(d, h.MaxBodySize != 0, &text); err != nil {
			return true, err
		}
		size, err := humanize.ParseBytes(text)
		if err != nil || size == 0 || size > math.MaxInt64 {
			return true, d.Errf("max_body_size must be a size such as 64KiB, but is %q", text)
		}
		h.MaxBodySize = int64(size)
		return true, nil
	case "timeout":
		var text string
		if err := unmarshalOnce(d, h.Timeout != 0, &text); err != nil {
			return true, err
		}
		timeout, err := caddy.ParseDuration(text)
		if err != nil || timeout <= 0 {
			return true, d.Errf("timeout must be a duration such as 30s, but is %q", text)
		}
		h.Timeout = caddy.Duration(timeout)
		return true, nil
	default:
		return false, nil
	}
}

// parseSandbox sets up the sandbox as a site's handler. Syntax:
//
//	payermax_sandbox [<matcher>] {
//	    private_key <path>
//	    merchant {
//	        app_id      <app_id>
//	        merchant_no <merchant_no>
//	        public_key  <path>
//	    }
//	}
//
// The merchant block may be repeated.
func parseSandbox(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	sandbox := new(Sandbox)
	return sandbox, sandbox.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the sandbox from Caddyfile tokens. Its syntax is
// that of payermax_sandbox.
func (s *Sandbox) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: payermax_sandbox takes its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		switch d.Val() {
		case "private_key":
			if err := unmarshalText(d, &s.PrivateKey); err != nil {
				return err
			}
		case "merchant":
			var merchant SandboxMerchant
			if err := merchant.unmarshal(d); err != nil {
				return err
			}
			s.Merchants = append(s.Merchants, merchant)
		default:
			return d.Errf("unrecognized option %s", d.Val())
		}
	}
	return nil
}

// unmarshal reads one merchant block.
func (m *SandboxMerchant) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("unexpected argument %q: merchant takes its options in a block", d.Val())
	}
	options := map[string]*string{"app_id": &m.AppID, "merchant_no": &m.MerchantNo, "public_key": &m.PublicKey}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		target, known := options[d.Val()]
		if !known {
			return d.Errf("unrecognized option %s", d.Val())
		}
		if err := unmarshalText(d, target); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalText reads the one argument of an option whose value is a text.
func unmarshalText(d *caddyfile.Dispenser, target *string) error {
	return unmarshalOnce(d, *target != "", target)
}

// unmarshalOnce reads the one argument of an option that may be set once.
func unmarshalOnce(d *caddyfile.Dispenser, isSet bool, target *string) error {
	if isSet {
		return d.Errf("%s is already set", d.Val())
	}
	if !d.AllArgs(target) {
		return d.ArgErr()
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Sandbox)(nil)
)
