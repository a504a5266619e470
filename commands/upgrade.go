package commands

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/caddyserver/caddy/v2"
)

// replacing are Caddy's commands that download another binary and replace this one with
// it.
var replacing = []string{"upgrade", "add-package", "remove-package"}

// RefuseToReplaceBinary exits if the process was started to replace its own binary. It is
// for the main function of caddy/: Caddy's commands request the binary's dependencies
// from Caddy's download server, and panic if one of the modules is the main module itself
// (v2.11.9). The server does not have this module anyway.
func RefuseToReplaceBinary() {
	if refusesToReplace(os.Args[1:], os.Stderr) {
		os.Exit(caddy.ExitCodeFailedStartup)
	}
}

// refusesToReplace reports whether the arguments run one of these commands. If so, it
// prints what to do instead.
func refusesToReplace(args []string, out io.Writer) bool {
	if len(args) == 0 || !slices.Contains(replacing, args[0]) {
		return false
	}
	_, _ = fmt.Fprintf(out, "caddy %s: this binary cannot be replaced by one from Caddy's download server, which does not have the payermax module; "+
		"build it again instead: go build in a checkout, or xcaddy build with the modules that you want\n", args[0])
	return true
}
