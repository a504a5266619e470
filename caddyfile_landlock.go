package payermax

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("payermax_landlock", parseLandlock)
}

// parseLandlock sets up the confinement of the process as a global option.
// Syntax:
//
//	payermax_landlock {
//	    read     <paths...>
//	    write    <directories...>
//	    required
//	}
//
// The block may be left out.
func parseLandlock(d *caddyfile.Dispenser, present any) (any, error) {
	if present != nil {
		d.Next() // or the error would not know its line
		return nil, d.Err("payermax_landlock was given already; put all of it into one block")
	}
	l := new(Landlock)
	if err := l.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "payermax_landlock", Value: caddyconfig.JSON(l, nil)}, nil
}

// UnmarshalCaddyfile sets up the confinement from Caddyfile tokens. Its syntax is
// that of payermax_landlock.
func (l *Landlock) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: payermax_landlock takes its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		switch d.Val() {
		case "read":
			if err := unmarshalPaths(d, &l.Read); err != nil {
				return err
			}
		case "write":
			if err := unmarshalPaths(d, &l.Write); err != nil {
				return err
			}
		case "required":
			if err := unmarshalFlag(d, &l.Required); err != nil {
				return err
			}
		default:
			return unrecognized(d, landlockOptions)
		}
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Landlock)(nil)
