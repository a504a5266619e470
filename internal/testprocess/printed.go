package testprocess

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// Printed is the output of a process, or a log that was read from a file.
type Printed string

// Lines returns the lines that contain all parts.
func (p Printed) Lines(parts ...string) (lines []string) {
	for line := range strings.Lines(string(p)) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Count returns how many lines contain all parts.
func (p Printed) Count(parts ...string) int { return len(p.Lines(parts...)) }

// Has reports whether a line contains all parts.
func (p Printed) Has(parts ...string) bool { return p.Count(parts...) > 0 }

// Tail returns the end of the output, for messages.
func (p Printed) Tail() string {
	const enough = 8 << 10
	return string(p[max(0, len(p)-enough):])
}

// shorten returns the beginnings of the first lines.
func shorten(lines []string) string {
	const enough, columns = 3, 400
	var short strings.Builder
	for _, line := range lines[:min(len(lines), enough)] {
		short.WriteString(line[:min(len(line), columns)] + "\n")
	}
	return short.String()
}

// Output keeps the output of a process, or the test process's own log. It can be read
// while it is written.
type Output struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

// Write appends to the output.
func (o *Output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.buffer.Write(p)
}

// String returns everything that has been written so far.
func (o *Output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.buffer.String()
}
