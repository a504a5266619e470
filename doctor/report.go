package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Outcome is how a check ended.
type Outcome string

const (
	// OK says that nothing is wrong.
	OK Outcome = "ok"
	// Warning says that calls will work, but something should be looked at.
	Warning Outcome = "warning"
	// Problem says that calls will not work, or must not be made like this.
	Problem Outcome = "problem"
	// NotChecked says that the check was skipped; the message says why.
	NotChecked Outcome = "not checked"
)

// Result is the result of one check.
type Result struct {
	// Check names what was checked, such as "private key".
	Check string `json:"check"`
	// Subject names what the result belongs to, such as "payermax on :8080".
	Subject string `json:"subject"`
	// Outcome is how the check ended.
	Outcome Outcome `json:"result"`
	// Message is what was found, on one line.
	Message string `json:"message"`
	// Next is what to do next, or "" if there is nothing to do or the message
	// says it.
	Next string `json:"next"`
}

// Report is a list of results, grouped by subject.
type Report []Result

// Count returns the number of results with the given outcome.
func (r Report) Count(outcome Outcome) int {
	count := 0
	for _, result := range r {
		if result.Outcome == outcome {
			count++
		}
	}
	return count
}

// explains reports whether the text of an error ends with the message of one of the
// problems, so that showing it would only repeat that.
func (r Report) explains(text string) bool {
	return slices.ContainsFunc(r, func(result Result) bool {
		return result.Outcome == Problem && strings.HasSuffix(text, result.Message)
	})
}

// Summary returns the numbers of results by outcome, in one line.
func (r Report) Summary() string {
	return fmt.Sprintf("%s, %s, %d ok, %d not checked",
		counted(r.Count(Problem), "problem"), counted(r.Count(Warning), "warning"), r.Count(OK), r.Count(NotChecked))
}

func counted(count int, noun string) string {
	if count != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", count, noun)
}

// colours are the escape sequences (ECMA-48) of the outcomes on a terminal.
var colours = map[Outcome]string{OK: "\x1b[32m", Warning: "\x1b[33m", Problem: "\x1b[31m", NotChecked: "\x1b[2m"}

// WriteText writes one line for each result, grouped under the name of its subject, and
// the summary. With colour, the outcomes are coloured like a traffic light.
func (r Report) WriteText(w io.Writer, colour bool) error {
	var text strings.Builder
	for i, result := range r {
		if i == 0 || r[i-1].Subject != result.Subject {
			if i > 0 {
				text.WriteString("\n")
			}
			fmt.Fprintf(&text, "%s\n", oneLine(result.Subject))
		}
		outcome := fmt.Sprintf("[%s]", result.Outcome)
		if colour {
			outcome = colours[result.Outcome] + outcome + "\x1b[0m"
		}
		fmt.Fprintf(&text, "%s %s: %s", outcome, result.Check, oneLine(result.Message))
		if result.Next != "" {
			if !strings.HasSuffix(result.Message, "?") {
				text.WriteString(".")
			}
			fmt.Fprintf(&text, " Next: %s", oneLine(result.Next))
		}
		text.WriteString("\n")
	}
	fmt.Fprintf(&text, "\n%s\n", r.Summary())
	_, err := io.WriteString(w, text.String())
	return err
}

// WriteJSON writes the results as a JSON array.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if r == nil {
		r = Report{}
	}
	return encoder.Encode(r)
}

// oneLine replaces unprintable characters, so that text from outside, such as the name of
// a file or of a certificate, cannot add lines or control the terminal.
func oneLine(text string) string {
	return strings.Map(func(char rune) rune {
		if !unicode.IsPrint(char) {
			return '?'
		}
		return char
	}, text)
}

func ok(check, format string, args ...any) Result {
	return Result{Check: check, Outcome: OK, Message: fmt.Sprintf(format, args...)}
}

func warning(check, format string, args ...any) Result {
	return Result{Check: check, Outcome: Warning, Message: fmt.Sprintf(format, args...)}
}

func problem(check, format string, args ...any) Result {
	return Result{Check: check, Outcome: Problem, Message: fmt.Sprintf(format, args...)}
}

func notChecked(check, format string, args ...any) Result {
	return Result{Check: check, Outcome: NotChecked, Message: fmt.Sprintf(format, args...)}
}

// then adds the next step.
func (r Result) then(format string, args ...any) Result {
	r.Next = fmt.Sprintf(format, args...)
	return r
}

// as returns the result under the name of another check that depends on it.
func (r Result) as(check string) Result {
	r.Check = check
	return r
}
