package payermax

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// unmarshalOption sets the option that d stands on, if it is one of a
// merchant's.
func (m *Merchant) unmarshalOption(d *caddyfile.Dispenser) (known bool, err error) {
	switch d.Val() {
	case "app_id":
		return true, unmarshalText(d, &m.AppID)
	case "merchant_no":
		return true, unmarshalText(d, &m.MerchantNo)
	case "sp_merchant_no":
		return true, unmarshalText(d, &m.SPMerchantNo)
	case "merchant_auth_token":
		return true, unmarshalAuthToken(d, &m.MerchantAuthToken)
	case "private_key":
		return true, unmarshalKeyFile(d, &m.KeyRaw)
	case "key":
		return true, unmarshalKey(d, &m.KeyRaw)
	case "next_private_key":
		return true, unmarshalKeyFile(d, &m.NextKeyRaw)
	case "next_key":
		return true, unmarshalKey(d, &m.NextKeyRaw)
	case "merchant_public_key":
		return true, unmarshalPath(d, &m.MerchantPublicKey)
	case "gateway_public_key":
		return true, unmarshalPaths(d, &m.GatewayPublicKeys)
	case "key_version":
		return true, unmarshalText(d, &m.KeyVersion)
	default:
		return false, nil
	}
}

// unmarshalMerchant reads one of several merchants:
//
//	merchant [<merchant_no>] {
//	    match [<matchers...>] {
//	        ...
//	    }
//
//	    # any option of a merchant
//	    app_id      <app_id>
//	    private_key <path>
//	    ...
//	}
func (h *Handler) unmarshalMerchant(d *caddyfile.Dispenser) error {
	var choice MerchantChoice
	switch args := d.RemainingArgs(); len(args) {
	case 0:
	case 1:
		choice.MerchantNo = args[0]
	default:
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() == "match" {
			matchers, err := caddyhttp.ParseCaddyfileNestedMatcherSet(d)
			if err != nil {
				return err
			}
			choice.MatcherSetsRaw = append(choice.MatcherSetsRaw, caddy.ModuleMap(matchers))
			continue
		}
		known, err := choice.unmarshalOption(d)
		if err != nil {
			return err
		}
		if !known {
			return unrecognized(d, append([]string{"match"}, merchantOptions...))
		}
	}
	h.Merchants = append(h.Merchants, choice)
	return nil
}

// unmarshalAuthToken reads a placeholder. A token itself is refused when the
// config is loaded as well, but by then Caddy may have logged it.
func unmarshalAuthToken(d *caddyfile.Dispenser, target *string) error {
	if err := unmarshalText(d, target); err != nil {
		return err
	}
	if err := checkIsPlaceholder(*target); err != nil {
		return d.Errf("merchant_auth_token: %w", err)
	}
	return nil
}

// unmarshalKeyFile reads the short form of a key that is in a file.
func unmarshalKeyFile(d *caddyfile.Dispenser, target *json.RawMessage) error {
	var path string
	if err := unmarshalOnce(d, *target != nil, &path); err != nil {
		return err
	}
	if err := requirePaths(d, path); err != nil {
		return err
	}
	*target = caddyconfig.JSONModuleObject(KeyFile{Path: path}, "source", "file", nil)
	return nil
}

// unmarshalKey reads a key of any source: the source's name, and what the
// source makes of the rest.
func unmarshalKey(d *caddyfile.Dispenser, target *json.RawMessage) error {
	if *target != nil {
		return d.Errf("%s is already set", d.Val())
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, "payermax.keys."+name)
	if err != nil {
		return err
	}
	*target = caddyconfig.JSONModuleObject(module, "source", name, nil)
	return nil
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	key file <path> {
//	    refuse_world_readable
//	}
func (f *KeyFile) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if !d.AllArgs(&f.Path) {
		return d.ArgErr()
	}
	if err := requirePaths(d, f.Path); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "refuse_world_readable":
			if err := unmarshalFlag(d, &f.RefuseWorldReadable); err != nil {
				return err
			}
		default:
			return unrecognized(d, []string{"refuse_world_readable"})
		}
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*KeyFile)(nil)
