package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is what `go doc cmd/test2json` describes, as far as it is needed here.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// report is what becomes of the events.
type report struct {
	// out is where the reader looks.
	out io.Writer
	// keep gets everything that the tests print.
	keep io.Writer

	// printing is the output of tests that have not ended, by package and test.
	printing map[string][]string
	// skipped are tests by the reason for which they were skipped.
	skipped map[string][]string
}

// reasonLine is what testing prints for t.Skip: the place and the reason.
var reasonLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)\n$`)

// note takes one event. What a passing test printed is dropped, as `go test` does.
func (r *report) note(e event) {
	name := e.Package + "." + e.Test
	switch e.Action {
	case "output", "build-output":
		_, _ = io.WriteString(r.keep, e.Output)
		if e.Test == "" && !isRoutine(e.Output) {
			_, _ = io.WriteString(r.out, e.Output)
		} else if e.Test != "" {
			if r.printing == nil {
				r.printing = map[string][]string{}
			}
			r.printing[name] = append(r.printing[name], e.Output)
		}
	case "fail":
		for _, line := range r.printing[name] {
			_, _ = io.WriteString(r.out, line)
		}
		delete(r.printing, name)
	case "skip":
		r.noteSkipped(e, r.printing[name])
		delete(r.printing, name)
	case "pass":
		delete(r.printing, name)
	}
}

// isRoutine reports whether a line of a package says nothing.
func isRoutine(line string) bool {
	return line == "PASS\n" || strings.HasSuffix(line, "[no test files]\n")
}

// noteSkipped files a test under its reason. The seeds of a fuzz test give none; they
// are inputs that are not worth a look.
func (r *report) noteSkipped(e event, printed []string) {
	if e.Test == "" {
		return // a package without tests
	}
	for _, line := range slices.Backward(printed) {
		if found := reasonLine.FindStringSubmatch(line); found != nil && found[1] != "" {
			if r.skipped == nil {
				r.skipped = map[string][]string{}
			}
			r.skipped[found[1]] = append(r.skipped[found[1]], e.Test)
			return
		}
	}
}

// tellSkipped lists the reasons, with the tests that each of them concerns.
func (r *report) tellSkipped() {
	if len(r.skipped) == 0 {
		_, _ = fmt.Fprintln(r.out, "\nno test was skipped")
		return
	}
	_, _ = fmt.Fprintln(r.out, "\nskipped:")
	for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
		tests := r.skipped[reason]
		slices.Sort(tests)
		_, _ = fmt.Fprintf(r.out, "  %s\n    %s\n", reason, strings.Join(slices.Compact(tests), " "))
	}
}

// tellUnexcused names the reasons that are no excuse, and reports whether there are any.
func (r *report) tellUnexcused(excused *regexp.Regexp) bool {
	found := false
	for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
		if !excused.MatchString(reason) {
			_, _ = fmt.Fprintf(r.out, "must not be skipped here: %s (%s)\n", strings.Join(r.skipped[reason], " "), reason)
			found = true
		}
	}
	return found
}
