package payermax

import (
	"math"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// parseSandbox sets up the sandbox as a site's handler. Syntax:
//
//	payermax_sandbox [<matcher>] {
//	    private_key  <path>
//	    time_scale   <factor>
//	    notify_hosts <hosts...>
//	    no_control
//	    merchant {
//	        app_id      <app_id>
//	        merchant_no <merchant_no>
//	        sp_merchant_no      <sp_merchant_no>
//	        merchant_auth_token <placeholder>
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
		case "time_scale":
			if err := unmarshalFactor(d, &s.TimeScale); err != nil {
				return err
			}
		case "notify_hosts":
			if err := unmarshalNames(d, &s.NotifyHosts); err != nil {
				return err
			}
		case "no_control":
			if err := unmarshalFlag(d, &s.NoControl); err != nil {
				return err
			}
		case "merchant":
			var merchant SandboxMerchant
			if err := merchant.unmarshal(d); err != nil {
				return err
			}
			s.Merchants = append(s.Merchants, merchant)
		default:
			return unrecognized(d, sandboxOptions)
		}
	}
	return nil
}

// unmarshalFactor reads the one argument of an option whose value is a factor.
func unmarshalFactor(d *caddyfile.Dispenser, target *float64) error {
	name := d.Val()
	var text string
	if err := unmarshalOnce(d, *target != 0, &text); err != nil {
		return err
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor > 0) || math.IsInf(factor, 0) {
		return d.Errf("%s must be a positive number such as 1000, but is %q", name, text)
	}
	*target = factor
	return nil
}

// unmarshal reads one merchant block.
func (m *SandboxMerchant) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("unexpected argument %q: merchant takes its options in a block", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "app_id":
			err = unmarshalText(d, &m.AppID)
		case "merchant_no":
			err = unmarshalText(d, &m.MerchantNo)
		case "sp_merchant_no":
			err = unmarshalText(d, &m.SPMerchantNo)
		case "merchant_auth_token":
			err = unmarshalAuthToken(d, &m.MerchantAuthToken)
		case "public_key":
			err = unmarshalPath(d, &m.PublicKey)
		default:
			err = unrecognized(d, sandboxMerchantOptions)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Sandbox)(nil)
