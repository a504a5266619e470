package markdown

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Page returns the text of the page in a file.
func Page(t testing.TB, path string) string {
	t.Helper()
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(page)
}

// HoldTable compares the rows of a table in a page with the rows that a test found. If update
// is set, it writes them into the page instead. The table is the first one whose first column has
// the given head.
func HoldTable(t testing.TB, path, head string, rows []string, update bool) {
	t.Helper()
	lines := strings.Split(Page(t, path), "\n")
	start := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "| "+head+" |") })
	require.GreaterOrEqual(t, start, 0, "%s has no table whose first column is %q", path, head)
	start += 2 // behind the head and the rule
	end := start
	for end < len(lines) && strings.HasPrefix(lines[end], "|") {
		end++
	}
	if !update {
		assert.Equal(t, rows, lines[start:end], "run the test with -update, and read the difference")
		return
	}
	lines = slices.Concat(lines[:start], rows, lines[end:])
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644))
}
