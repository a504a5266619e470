package commands

import caddycmd "github.com/caddyserver/caddy/v2/cmd"

// The demonstration needs the module's example; all others need nothing but this
// package.
func init() {
	for _, command := range []func() caddycmd.Command{Keygen, Sign, Verify, Convert, Health, Sandbox, Version} {
		caddycmd.RegisterCommand(command())
	}
}
