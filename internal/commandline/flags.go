// Package commandline is what this module's subcommands have in common: how they take their
// flags, and whether somebody looks at what they print.
package commandline

import (
	"os"
	"slices"

	"github.com/spf13/cobra"
)

// TakeFlagsOnly has a command refuse flags that it does not have, and anything else than
// flags, which is the error argument. What stands there is not repeated: it may be a signature
// or a key. refuse explains the error, as JSON if a machine reads it, and returns what the
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

// asksForJSON reports whether a machine reads what a command prints. Its flag --json may come
// after one that is wrong, and is not read then.
func asksForJSON(cmd *cobra.Command) bool {
	return cmd.Flags().Lookup("json") != nil && slices.Contains(os.Args, "--json")
}
