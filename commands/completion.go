package commands

import "github.com/spf13/cobra"

// offer has the shell complete a flag's value by these words and, unlike that of other
// flags, not by the names of files. Without words, the value is nothing to guess.
func offer(cmd *cobra.Command, flag string, words ...string) {
	// The only errors are that there is no such flag, or that it is offered twice,
	// which the tests would see.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
