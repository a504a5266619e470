package commands

import (
	"fmt"
	"runtime"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/internal/build"
)

// Version returns the payermax-version subcommand, which prints the versions of the
// module and its environment.
func Version() caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-version",
		Usage: "[--json]",
		Short: "Prints the version of the payermax module",
		Long: `
Prints the version of this module, the commit that the binary was built from, and
the versions of Caddy and Go. A running sidecar reports the same in its log, at
/readyz and in the metric caddy_payermax_build_info. "unknown" means that the
binary was built from a directory that is not a clone, or by xcaddy from a
directory without a version.

Exit codes: 0, or 2 if the arguments are wrong.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Example = `  $ caddy payermax-version
  $ caddy payermax-version --json`
			answering(cmd, runVersion)
		},
	}
}

// versions is the result of payermax-version.
type versions struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Caddy    string `json:"caddy"`
	Go       string `json:"go"`
	Platform string `json:"platform"` // such as linux/amd64
}

// runVersion prints the versions.
func runVersion(t *tool, _ caddycmd.Flags) error {
	own := build.Current()
	caddys, _ := caddy.Version()
	v := versions{own.Version, own.Commit, caddys, own.Go, runtime.GOOS + "/" + runtime.GOARCH}
	if t.json {
		return t.printJSON(v)
	}
	_, err := fmt.Fprintf(t.out, "version  %s\ncommit   %s\ncaddy    %s\ngo       %s %s\n", v.Version, v.Commit, v.Caddy, v.Go, v.Platform)
	return err
}
