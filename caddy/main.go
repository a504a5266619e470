// Command caddy is Caddy with all its standard modules and payermax.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
	"github.com/caddy-payermax/caddy-payermax/commands"
)

func main() {
	commands.RefuseToReplaceBinary()
	caddycmd.Main()
}
