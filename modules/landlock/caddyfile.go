package landlock

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("payermax_landlock", parse)
}

// Options are the options of payermax_landlock.
var Options = grammar.Block[App]{
	{Name: "read", Args: "<paths...>", Example: "read /run/secrets/tls /etc/caddy",
		AsWritten: true, Sets: grammar.Paths(func(a *App) *[]string { return &a.Read })},
	{Name: "write", Args: "<directories...>", Example: "write /var/log/caddy",
		AsWritten: true, Sets: grammar.Paths(func(a *App) *[]string { return &a.Write })},
	{Name: "required", Example: "required",
		Sets: grammar.Flag(func(a *App) *bool { return &a.Required })},
}

// parse sets up the confinement of the process as a global option:
//
//	payermax_landlock {
//	    <options...>
//	}
//
// The block may be left out.
func parse(d *caddyfile.Dispenser, present any) (any, error) {
	if present != nil {
		d.Next() // or the error would not name its line
		return nil, d.Err("payermax_landlock is already set; put everything into one block")
	}
	a := new(App)
	if err := a.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "payermax_landlock", Value: caddyconfig.JSON(a, nil)}, nil
}

// UnmarshalCaddyfile sets up the confinement from Caddyfile tokens. The options of
// payermax_landlock are in docs/configuration.md.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the option name
	return Options.Read(d, a)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*App)(nil)
