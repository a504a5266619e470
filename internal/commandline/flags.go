// Package commandline holds what this module's subcommands have in common: how they
// handle flags, and whether they print to a terminal.
package commandline

import (
	"os"
	"slices"

	"github.com/spf13/cobra"
)

// TakeFlagsOnly makes a command refuse unknown flags, and anything other than flags with
// the error argument. The errors do not repeat what was given: it may be a signature or a
// key. refuse explains an error, as JSON if asJSON is set, and returns the error that the
// command ends with.
func TakeFlagsOnly(cmd *cobra.Command, argument error, refuse func(err error, asJSON bool) error) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return refuse(err, asksForJSON(cmd)) })
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return refuse(argument, asksForJSON(cmd))
	}
}

// asksForJSON reports whether a command was called with --json. It looks at the
// arguments, because a --json after a wrong flag is not parsed.
func asksForJSON(cmd *cobra.Command) bool {
	return cmd.Flags().Lookup("json") != nil && slices.Contains(os.Args, "--json")
}
