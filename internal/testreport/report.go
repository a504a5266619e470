package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is the part of the event in `go doc cmd/test2json` that is needed here.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// report collects the events.
type report struct {
	// out is where the report is printed.
	out io.Writer
	// keep receives everything that the tests print.
	keep io.Writer

	// printing is the output of tests that have not ended, by package and test.
	printing map[string][]string
	// skipped are the skipped tests, by reason.
	skipped map[string][]string
}

// reasonLine matches the line that testing prints for t.Skip: the place and the reason.
var reasonLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)\n$`)

// note processes one event. Like `go test`, it drops the output of passing tests.
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

// isRoutine reports whether a package's output line carries no information.
func isRoutine(line string) bool {
	return line == "PASS\n" || strings.HasSuffix(line, "[no test files]\n")
}

// noteSkipped records a skipped test under its reason. Seeds of a fuzz test that skip
// give no reason; they are uninteresting inputs.
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

// tellSkipped prints the reasons, each with its tests.
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

// tellUnexcused prints the tests whose reasons excused does not match, and reports
// whether there are any.
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
