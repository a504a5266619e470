package payermax

import (
	_ "embed"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-payermax/caddy-payermax/commands"
	"github.com/caddy-payermax/caddy-payermax/doctor/command"

	// The Caddy modules that come with the handler.
	_ "github.com/caddy-payermax/caddy-payermax/modules/backup"
	_ "github.com/caddy-payermax/caddy-payermax/modules/buffered"
	_ "github.com/caddy-payermax/caddy-payermax/modules/handover"
	_ "github.com/caddy-payermax/caddy-payermax/modules/health"
	_ "github.com/caddy-payermax/caddy-payermax/modules/landlock"
	_ "github.com/caddy-payermax/caddy-payermax/modules/sandbox"
	_ "github.com/caddy-payermax/caddy-payermax/modules/transport"
)

// exampleCaddyfile is the config that caddy payermax-demo runs. It is embedded, so that
// the demonstration always runs what the documentation shows.
//
//go:embed Caddyfile.example
var exampleCaddyfile []byte

// dropInCaddyfile is the config that caddy payermax-demo runs to serve a checkout, which
// needs a site for notifications.
//
//go:embed examples/drop-in.caddyfile
var dropInCaddyfile []byte

// The subcommands belong to the module rather than to the binary in caddy/, so that a
// binary built with xcaddy has them as well. Subcommands that need nothing from this
// package register themselves.
func init() {
	caddycmd.RegisterCommand(commands.Demo(exampleCaddyfile, dropInCaddyfile))
	caddycmd.RegisterCommand(command.Doctor(describe))
}
