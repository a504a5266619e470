package commands

import caddycmd "github.com/caddyserver/caddy/v2/cmd"

// The demonstration is registered elsewhere, because it needs the module's example; all
// other commands need only this package.
func init() {
	for _, command := range []func() caddycmd.Command{Keygen, Sign, Verify, Convert, Health, Sandbox, Version} {
		caddycmd.RegisterCommand(command())
	}
}
