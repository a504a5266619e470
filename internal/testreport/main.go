// Command testreport runs the tests and says at the end what was skipped, why, and how to
// install what was missing. `go test` alone prints nothing about a package that passes:
//
//	go run ./internal/testreport [-may-skip regexp] [-printed file] [--] [argument of go test...]
//
// Without arguments it runs ./... ; arguments that begin with a hyphen must follow --. It
// exits with the code of `go test`, or with 1 if a test was skipped for a reason that
// -may-skip does not match.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
)

func main() {
	maySkip := flag.String("may-skip", "", "fail for a skipped test whose reason does not match this regular expression")
	printed := flag.String("printed", "", "append everything that the tests print to this file")
	flag.Parse()
	code, err := run(flag.Args(), *maySkip, *printed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	os.Exit(code)
}

// run runs the tests and returns the exit code.
func run(args []string, maySkip, printed string) (int, error) {
	if len(args) == 0 {
		args = []string{"./..."}
	}
	keep := io.Discard
	if printed != "" {
		file, err := os.OpenFile(printed, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		keep = file
	}
	excused, err := regexp.Compile(maySkip)
	if err != nil {
		return 0, err
	}

	tests := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	tests.Stderr = os.Stderr
	events, err := tests.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := tests.Start(); err != nil {
		return 0, err
	}
	r := report{out: os.Stdout, keep: keep}
	if err := r.read(events); err != nil {
		return 0, err
	}
	_ = tests.Wait() // the exit code says more
	code := tests.ProcessState.ExitCode()

	r.tellSkipped()
	if maySkip != "" && r.tellUnexcused(excused) {
		code = max(code, 1)
	}
	return code, nil
}

// read reads the events of `go test -json` until EOF.
func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			r.note(e)
		} else if len(line) > 0 {
			_, _ = r.out.Write(line) // output of a build, for example
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
