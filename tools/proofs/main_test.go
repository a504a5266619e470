package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const page = "# Page\n\n<!-- measured by .ci/prove fuzzing -->\nMeasured long ago.\n\n" +
	"| target | what holds | inputs |\n| --- | --- | --: |\n| `FuzzA` | this \\| that | 1 |\n| `FuzzB`, `FuzzC` | it | 2; 3 |\n| `FuzzD` | it | 4 in 20 s |\n\n" +
	"Words.\n\n| `FuzzA` | another table | 5 |\n"

var day = time.Date(2026, 11, 28, 23, 0, 0, 0, time.UTC)

// written runs the command on the page.
func written(t *testing.T, text, table, found string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tests.md")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	err := run([]string{"-page", path, "-table", table, "-how", "each for 10m", "-commit", "1a2b3c4"}, strings.NewReader(found), day)
	changed, readErr := os.ReadFile(path)
	require.NoError(t, readErr)
	return string(changed), err
}

// Numbers change, and so does the line above the table; other text, rows and tables stay as they
// are.
func TestNumbersAreWritten(t *testing.T) {
	changed, err := written(t, page, "fuzzing", "FuzzA\t1234567\nFuzzC\t30\nFuzzB\t20000\n")
	require.NoError(t, err)
	assert.Equal(t, strings.NewReplacer(
		"Measured long ago.", "Measured on 28 November 2026 at commit 1a2b3c4: each for 10m.",
		"this \\| that | 1 |", "this \\| that | 1,234,567 |", "2; 3", "20,000; 30",
	).Replace(page), changed)
}

// A result may have several cells.
func TestCellsAreWritten(t *testing.T) {
	changed, err := written(t, strings.Replace(page, "`FuzzA` | this \\| that | 1 |", "`keys` | 1 | 2 | 3 |", 1), "fuzzing", "keys\t40 | 5\n")
	require.NoError(t, err)
	assert.Contains(t, changed, "| `keys` | 1 | 40 | 5 |\n")
}

// If not everything can be written, nothing is written, and the error says why.
func TestNothingIsWritten(t *testing.T) {
	for says, test := range map[string]struct{ page, table, found string }{
		"there is no mark":                              {page, "model", "TestModel\t1\n"},
		"must begin with Measured":                      {strings.Replace(page, "Measured", "Found", 1), "fuzzing", "FuzzA\t1\n"},
		"has no row for FuzzE":                          {page, "fuzzing", "FuzzA\t7\nFuzzE\t1\n"},
		"the row of FuzzB has no result for FuzzC":      {page, "fuzzing", "FuzzB\t7\n"},
		"has 3 cells, too few":                          {page, "fuzzing", "FuzzA\t1 | 2 | 3\n"},
		"there are no results":                          {page, "fuzzing", ""},
		`must be a name, a tab and a value, but is "F"`: {page, "fuzzing", "F\n"},
	} {
		changed, err := written(t, test.page, test.table, test.found)
		assert.ErrorContains(t, err, says)
		assert.Equal(t, test.page, changed, says)
	}
}

// The page has the tables that .ci/prove writes, with a row for each fuzz target.
func TestPageHasTheTables(t *testing.T) {
	text, err := os.ReadFile("../../docs/tests.md")
	require.NoError(t, err)
	script, err := os.ReadFile("../../.ci/prove")
	require.NoError(t, err)
	tables := regexp.MustCompile(`(?m)^\t\twrite ([a-z]+) `).FindAllSubmatch(script, -1)
	require.NotEmpty(t, tables)
	for _, table := range tables {
		_, err := write(string(text), string(table[1]), "Measured.", results{})
		assert.NoError(t, err)
	}
	targets := regexp.MustCompile(`(?m)^func (Fuzz\w+)`)
	found := make(results)
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == ".git" || strings.HasSuffix(path, "/keys")) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, target := range targets.FindAllSubmatch(source, -1) {
				found[string(target[1])] = "1"
			}
		}
		return nil
	}))
	assert.NotEmpty(t, found)
	_, err = write(string(text), "fuzzing", "Measured.", found)
	assert.NoError(t, err)
}
