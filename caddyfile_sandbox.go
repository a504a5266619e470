package payermax

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

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
			if err := unmarshalPath(d, &s.PrivateKey); err != nil {
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

// Interface guards
var _ caddyfile.Unmarshaler = (*Sandbox)(nil)
