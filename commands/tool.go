package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// The exit codes of the commands that answer a question. Caddy's own meanings of 1 and
// 2 are those of a server, which failed to start or got a second signal to quit.
const (
	exitYes     = caddy.ExitCodeSuccess
	exitNo      = 1
	exitUnclear = 2
)

// exitCodes is the part of each help text that says what they mean.
const exitCodes = `
Exit codes: 0 for yes or done, 1 for no or not done, 2 if the arguments are wrong
or a file cannot be read.
`

// no is the error of a question that was understood, and whose answer is no. Without a
// text, everything has been said already.
type no struct{ error }

// tool is what a command that answers a question works with: the result goes to out, all
// that is said about it to err, so that the result can be piped.
type tool struct {
	in       io.Reader
	out, err io.Writer
	// outTerminal and errTerminal say that somebody is looking.
	outTerminal, errTerminal bool
	// outColours says that they want colours.
	outColours bool
	// json says that a machine is.
	json bool
}

// answering makes a cobra command of a function. Its error is explained and becomes
// the exit code: 1 for a no, 2 for everything else.
func answering(cmd *cobra.Command, run func(*tool, caddycmd.Flags) error) {
	cmd.Flags().Bool("json", false, "Print the result as JSON, for machines")
	takingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		flags := caddycmd.Flags{FlagSet: cmd.Flags()}
		t := newTool(flags.Bool("json"))
		return exit(cmd, t.explain(cmd, run(t, flags)))
	}
}

// takingFlags has a command refuse flags that it does not have, and anything else than
// flags, with exit code 2.
func takingFlags(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit(cmd, newTool(asksForJSON(cmd)).explain(cmd, flagError(err)))
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		// What stands there is not repeated: it may be a signature or a key.
		return exit(cmd, newTool(asksForJSON(cmd)).explain(cmd, errors.New("there is an argument that belongs to no flag; everything is given by flags")))
	}
}

// asksForJSON reports whether a machine reads what a command prints, also before its flags
// could all be understood.
func asksForJSON(cmd *cobra.Command) bool {
	return cmd.Flags().Lookup("json") != nil && slices.Contains(os.Args, "--json")
}

// newTool works with the process's own input and output.
func newTool(json bool) *tool {
	return &tool{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		outTerminal: isTerminal(os.Stdout), errTerminal: isTerminal(os.Stderr), outColours: wantsColours(os.Stdout),
		json: json,
	}
}

// explain says what the error is, and returns the exit code.
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
		_, _ = fmt.Fprintf(t.err, "%s --help shows how it is used.\n", cmd.CommandPath())
	}
	return code
}

// exit hands the exit code to Caddy's main function, which takes any error for 1, and
// keeps the type of error that carries another one to itself.
func exit(cmd *cobra.Command, code int) error {
	cmd.SilenceErrors = true // they have been explained
	if code == exitNo {
		return errors.New("no")
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// printJSON prints a result for machines.
func (t *tool) printJSON(result any) error {
	encoder := json.NewEncoder(t.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}

// say explains something: a label, and a text that is broken into lines beside it. The
// longest word, a fingerprint, just fits.
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

// warn says something that the user should know.
func (t *tool) warn(text string) {
	t.say("warning", text)
}

// isTerminal reports whether somebody is looking at the file. The null device is a
// character device as well, but nobody is looking.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// The colours of a verdict and of a heading (ECMA-48, Select Graphic Rendition).
const (
	bold  = "\x1b[1m"
	green = "\x1b[1;32m"
	red   = "\x1b[1;31m"
	plain = "\x1b[0m"
)

// wantsColours reports whether somebody is looking at the file who wants colours
// (https://no-color.org).
func wantsColours(file *os.File) bool {
	return isTerminal(file) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// coloured is a word in a colour, if somebody wants it.
func (t *tool) coloured(colour, word string) string {
	if !t.outColours {
		return word
	}
	return colour + word + plain
}
