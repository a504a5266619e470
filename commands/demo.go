// Package commands holds the subcommands that the module adds to Caddy.
package commands

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/internal/commandline"
)

// Demo returns the payermax-demo subcommand, which runs the sidecar of the first
// Caddyfile and a sandbox gateway, makes a call as an application would, and shows what
// happened on either side. With --serve it runs the second Caddyfile, which also receives
// notifications, and a shop.
func Demo(example, dropIn []byte) caddycmd.Command {
	return caddycmd.Command{
		Name:  "payermax-demo",
		Usage: "[--serve] [--port PORT]",
		Short: "Shows a signed PayerMax call, offline",
		Long: `
Starts the sidecar of Caddyfile.example and a sandbox gateway on this machine,
with newly generated keys. It makes a call as an application would, and shows the
request that went in, the signed request that came out, and the answer. It needs
no account, no key and no network.

With --serve, it runs examples/drop-in.caddyfile and a shop, and keeps running. It
prints the address of the shop's checkout, to click through in a browser, and that
of the sandbox's page. You can make calls of your own:

	$ caddy payermax-demo --serve
	$ curl -i http://127.0.0.1:8080/aggregate-pay/api/gateway/applyDropinSession \
		-H 'Content-Type: application/json' \
		-d '{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}'

Exit codes: 0 once it has ended or was interrupted, 1 if it could not start, 2 if the
arguments are wrong.
`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Flags().Bool("serve", false, "Stay up until interrupted")
			cmd.Flags().Uint16("port", 8080, "The sidecar's port on 127.0.0.1; 0 for any free one")
			offer(cmd, "port", "8080", "0")
			serving(cmd, func(flags caddycmd.Flags) error {
				port, err := flags.GetUint16("port")
				if err != nil {
					return no{err}
				}
				ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
				if !signal.Ignored(syscall.SIGHUP) { // ignored under nohup; otherwise closing the terminal must remove the keys
					ends = append(ends, syscall.SIGHUP)
				}
				signal.Ignore(syscall.SIGPIPE) // or a closed pipe, as with head, would kill the process and leave its keys behind
				ctx, stop := signal.NotifyContext(context.Background(), ends...)
				defer stop()

				d := &demo{caddyfile: example, name: "Caddyfile.example", port: port, serve: flags.Bool("serve"), out: os.Stdout, coloured: commandline.WantsColours(os.Stdout)}
				if d.serve {
					d.caddyfile, d.name = dropIn, "examples/drop-in.caddyfile"
				}
				if err := d.run(ctx); err != nil {
					return no{err}
				}
				return nil
			})
		},
	}
}
