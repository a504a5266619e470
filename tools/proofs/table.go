package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// results maps names to results.
type results map[string]string

// readResults reads lines of a name, a tab, and a result. It adds thousands separators to long
// numbers.
func readResults(in io.Reader) (results, error) {
	found := make(results)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "\t")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("a result must be a name, a tab and a value, but is %q", lines.Text())
		}
		found[name] = longNumber.ReplaceAllStringFunc(value, withCommas)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the results: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there are no results to write")
	}
	return found, nil
}

var longNumber = regexp.MustCompile(`\b\d{4,}\b`)

// withCommas writes 1234567 as 1,234,567.
func withCommas(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// mark returns the comment above a measured table and the line that says when it was measured.
// Readers of the rendered page do not see it.
func mark(table string) string { return "<!-- measured by .ci/prove " + table + " -->" }

// named matches a name in the first cell of a row.
var named = regexp.MustCompile("`([^`]+)`")

// write puts results into the table under a mark, and line above the table. A row whose names have
// results gets them as its last cells, in the order of the names; each result must have a row.
func write(page, table, line string, found results) (string, error) {
	before, after, ok := strings.Cut(page, mark(table)+"\n")
	if !ok {
		return "", fmt.Errorf("there is no mark %s", mark(table))
	}
	lines := strings.Split(after, "\n")
	if !strings.HasPrefix(lines[0], "Measured ") {
		return "", fmt.Errorf("the line under the mark of %s must begin with Measured, since it is replaced", table)
	}
	lines[0] = line
	missing := maps.Clone(found)
	for i := 2; i < len(lines) && strings.HasPrefix(lines[i], "|"); i++ {
		row, names, err := fill(lines[i], found)
		if err != nil {
			return "", err
		}
		lines[i] = row
		for _, name := range names {
			delete(missing, name)
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("the table %s has no row for %s", table, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return before + mark(table) + "\n" + strings.Join(lines, "\n"), nil
}

// fill returns a row with the results of the names in its first cell, and these names. A row
// without a result for any of its names stays as it is.
func fill(row string, found results) (filled string, names []string, err error) {
	cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(row, "| "), " |"), " | ")
	var values []string
	for _, match := range named.FindAllStringSubmatch(cells[0], -1) {
		if value, ok := found[match[1]]; ok {
			names, values = append(names, match[1]), append(values, value)
		} else if len(values) > 0 {
			return "", nil, fmt.Errorf("the row of %s has no result for %s", names[0], match[1])
		}
	}
	if len(values) == 0 {
		return row, nil, nil
	}
	last := strings.Split(strings.Join(values, "; "), " | ")
	if len(last) >= len(cells) {
		return "", nil, fmt.Errorf("the row of %s has %d cells, too few for its result", names[0], len(cells))
	}
	cells = append(cells[:len(cells)-len(last)], last...)
	return "| " + strings.Join(cells, " | ") + " |", names, nil
}
