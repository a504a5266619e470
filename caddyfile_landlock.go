package payermax

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("payermax_landlock", parseLandlock)
}

// landlockOptions are the options of payermax_landlock.
var landlockOptions = grammar.Block[Landlock]{
	{Name: "read", Args: "<paths...>", Example: "read /run/secrets/tls /etc/caddy",
		Sets: grammar.Paths(func(l *Landlock) *[]string { return &l.Read })},
	{Name: "write", Args: "<directories...>", Example: "write /var/log/caddy",
		Sets: grammar.Paths(func(l *Landlock) *[]string { return &l.Write })},
	{Name: "required", Example: "required",
		Sets: grammar.Flag(func(l *Landlock) *bool { return &l.Required })},
}

// parseLandlock sets up the confinement of the process as a global option:
//
//	payermax_landlock {
//	    <options...>
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

// UnmarshalCaddyfile sets up the confinement from Caddyfile tokens. The options of
// payermax_landlock are in docs/configuration.md.
func (l *Landlock) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option name
	return landlockOptions.Read(d, l)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Landlock)(nil)
