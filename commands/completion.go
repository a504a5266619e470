package commands

import "github.com/spf13/cobra"

// offer makes the shell complete a flag's value with these words instead of file names.
// Without words, it completes nothing.
func offer(cmd *cobra.Command, flag string, words ...string) {
	// The only possible errors are that the flag does not exist or is offered twice, which
	// the tests would detect.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
