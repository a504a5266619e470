package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-payermax/caddy-payermax/internal/commandline"
)

// The exit codes of the commands that answer a question. Caddy's own meanings of 1 and 2
// apply to a server: it failed to start, or got a second signal to quit.
const (
	exitYes     = caddy.ExitCodeSuccess
	exitNo      = 1
	exitUnclear = 2
)

// no is the error of a command that was understood and whose answer is no. It wraps nil
// if everything has been printed already.
type no struct{ error }

// tool is the environment of a command that answers a question: the result goes to out,
// and explanations go to err, so that the result can be piped.
type tool struct {
	in       io.Reader
	out, err io.Writer
	// outTerminal and errTerminal are true if out and err are terminals.
	outTerminal, errTerminal bool
	// outColours is true if out should have colours.
	outColours bool
	// json is true if the result is printed as JSON.
	json bool
}

// answering makes a cobra command run a function. The function's error is explained and
// becomes the exit code: 1 for a no, 2 for everything else.
func answering(cmd *cobra.Command, run func(*tool, caddycmd.Flags) error) {
	cmd.Flags().Bool("json", false, "Print the result as JSON")
	takingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		flags := caddycmd.Flags{FlagSet: cmd.Flags()}
		t := newTool(flags.Bool("json"))
		return exit(cmd, t.explain(cmd, run(t, flags)))
	}
}

// serving makes a cobra command run a function that serves. Its error is explained like
// those of the other commands.
func serving(cmd *cobra.Command, run func(caddycmd.Flags) error) {
	takingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return exit(cmd, newTool(false).explain(cmd, run(caddycmd.Flags{FlagSet: cmd.Flags()})))
	}
}

// takingFlags makes a command accept flags only. Any other argument ends it with exit
// code 2.
func takingFlags(cmd *cobra.Command) {
	argument := errors.New("unexpected argument: this command takes flags only")
	commandline.TakeFlagsOnly(cmd, argument, func(err error, asJSON bool) error {
		return exit(cmd, newTool(asJSON).explain(cmd, flagError(err)))
	})
}

// newTool returns a tool with the process's own input and output.
func newTool(json bool) *tool {
	return &tool{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		outTerminal: commandline.IsTerminal(os.Stdout), errTerminal: commandline.IsTerminal(os.Stderr), outColours: commandline.WantsColours(os.Stdout),
		json: json,
	}
}

// explain prints the error, and returns the exit code.
func (t *tool) explain(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitYes
	}
	code := exitUnclear
	if negative, ok := errors.AsType[no](err); ok {
		if code = exitNo; negative.error == nil {
			return code
		}
	}
	if t.json {
		_ = t.printJSON(map[string]string{"error": err.Error()})
	}
	_, _ = fmt.Fprintf(t.err, "%s: %v\n", cmd.CommandPath(), err)
	if code == exitUnclear {
		_, _ = fmt.Fprintf(t.err, "See %s --help.\n", cmd.CommandPath())
	}
	return code
}

// exit passes the exit code to Caddy's main function, which treats any error as 1 and
// does not export the error type that carries another code.
func exit(cmd *cobra.Command, code int) error {
	cmd.SilenceErrors = true // the error has been explained
	if code == exitNo {
		return errors.New("no")
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// printJSON prints a result as JSON.
func (t *tool) printJSON(result any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}

// say prints a label and, next to it, a text that is wrapped into lines. The longest
// word, a fingerprint, just fits.
func (t *tool) say(label, text string) {
	const width, column = 80, 9
	line, empty := fmt.Sprintf("%-*s", column-1, label), true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > width {
			_, _ = fmt.Fprintln(t.err, line)
			line = strings.Repeat(" ", column-1)
		}
		line, empty = line+" "+word, false
	}
	_, _ = fmt.Fprintln(t.err, line)
}

// warn prints a warning.
func (t *tool) warn(text string) {
	t.say("warning", text)
}

// The colours of a verdict and of a heading (ECMA-48, Select Graphic Rendition).
const (
	bold  = "\x1b[1m"
	green = "\x1b[1;32m"
	red   = "\x1b[1;31m"
	plain = "\x1b[0m"
)

// coloured returns a word in a colour, if out should have colours.
func (t *tool) coloured(colour, word string) string {
	if !t.outColours {
		return word
	}
	return colour + word + plain
}
