package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// printed runs the command on the example.
func printed(t *testing.T, args ...string) (out, progress string, err error) {
	t.Helper()
	var said, told strings.Builder
	err = run(t.Context(), append([]string{"-dir", "testdata/example"}, args...), &said, &told)
	return said.String(), told.String(), err
}

// Exactly the mutants of code that no test covers live, whatever their kind. Mutants noticed only
// by the tests of another package are killed by those tests.
func TestSurvivors(t *testing.T) {
	out, progress, err := printed(t, "-workers", "2", "-slowest", "1h", "-judges", "other", ".")
	require.NoError(t, err)
	assert.Equal(t, strings.Join([]string{
		"\tLIVED example.go:16:7 < made <=\tif x < 10 {",
		"\tLIVED example.go:25:9 > made >=\tcase x > 0:",
		"\tNOT COVERED example.go:27:13 || made &&\tcase y > 0 || x < -5:",
		"\tNOT COVERED example.go:27:9 > negated\tcase y > 0 || x < -5:",
		"\tNOT COVERED example.go:27:9 > made >=\tcase y > 0 || x < -5:",
		"\tNOT COVERED example.go:27:18 < negated\tcase y > 0 || x < -5:",
		"\tNOT COVERED example.go:27:18 < made <=\tcase y > 0 || x < -5:",
		"\tLIVED example.go:36:17 case left out\tcase \"Monday\", \"Montag\":",
		"\tLIVED example.go:73:2 statement left out\tdefer r.close()",
		"\tLIVED example.go:85:30 statement left out\tfunc (r *Recorder) close() { r.closed = true }",
		"\tNOT COVERED example.go:88:39 == negated\tfunc Forgotten(x int) bool { return x == 1 }",
		".: Killed: 23 Lived: 5 Not covered: 6 Timed out: 0\n",
	}, "\n"), out)
	assert.Contains(t, progress, "other: TestBroken does not judge, since it fails by itself:\n--- FAIL: TestBroken")
	assert.Contains(t, progress, ".: 8 tests judge\n")
	assert.Contains(t, progress, "other: 1 tests judge\n")
}

// Each kind of change is found, once at each place.
func TestKinds(t *testing.T) {
	out, _, err := printed(t, "-list", ".")
	require.NoError(t, err)
	kinds := make(map[string]int)
	for line := range strings.Lines(out) {
		mutant, _, _ := strings.Cut(line, "\t")
		_, change, _ := strings.Cut(mutant, " ")
		kinds[change]++
	}
	assert.Equal(t, map[string]int{
		"&& made ||": 1, "|| made &&": 1, "! left out": 1, "- left out": 2, "== negated": 3,
		"< negated": 3, "< made <=": 3, "<= negated": 1, "<= made <": 1, "> negated": 2, "> made >=": 2,
		"+ made -": 2, "* made /": 1, "/ made *": 2, "case left out": 3, "error made nil": 1,
		"statement left out": 3, "break made continue": 1, "continue made break": 1,
	}, kinds)
}

// Slow tests do not judge.
func TestSlowTests(t *testing.T) {
	out, progress, err := printed(t, "-slowest", "1ns", "-judges", "other", "-only", "error made nil", ".")
	require.NoError(t, err)
	assert.Equal(t, "\tNOT COVERED example.go:62:9 error made nil\treturn errBroken\n.: Killed: 0 Lived: 0 Not covered: 1 Timed out: 0\n", out)
	assert.Contains(t, progress, "other: TestError does not judge, since it takes ")
}

// A mutant that makes a loop endless is stopped.
func TestEndlessLoop(t *testing.T) {
	out, _, err := printed(t, "-patience", "100ms", "-only", "made -", "endless")
	require.NoError(t, err)
	assert.Equal(t, "\tTIMED OUT endless/endless.go:8:4 + made -\ti++\nendless: Killed: 0 Lived: 0 Not covered: 0 Timed out: 1\n", out)
}

func TestMisuse(t *testing.T) {
	for says, args := range map[string][]string{
		"name one package":                           {"endless", "other"},
		"-only must be a regular expression":         {"-only", "(", "endless"},
		"changing nowhere: ":                         {"nowhere"},
		"the tests of nowhere: building them with":   {"-judges", "nowhere", "endless"},
		"flag provided but not defined: -everything": {"-everything"},
	} {
		out, _, err := printed(t, args...)
		assert.ErrorContains(t, err, says)
		assert.Empty(t, out)
	}
}

// Text written around nested nodes nests as the nodes do, and no line moves.
func TestText(t *testing.T) {
	text := newText([]byte("a +\nb.c"))
	text.wrap(0, 7, "<", ">")
	text.wrap(4, 7, "(", ")")
	text.wrap(4, 5, "[", "]")
	text.replace(2, 3, ",")
	assert.Equal(t, "<a ,\n([b].c)>", text.String())
}

// The cheapest tests run first, and each sitting costs as much as all before it.
func TestSittings(t *testing.T) {
	reaches := map[int]bool{7: true}
	j := judge{tests: []test{
		{"A", time.Second, 1, reaches},
		{"B", time.Second, 1, nil},
		{"C", time.Second, 1, reaches},
		{"D", time.Second, 2, reaches},
		{"E", 3 * time.Second, 3, reaches},
		{"F", 4 * time.Second, 4, reaches},
	}}
	var patterns []string
	for _, s := range j.sittings(7) {
		patterns = append(patterns, s.pattern())
	}
	assert.Equal(t, []string{"^(A)$", "^(C)$", "^(D)$", "^(E|F)$"}, patterns)
	assert.Empty(t, j.sittings(8))
	assert.Equal(t, 71*time.Second, j.sittings(7)[3].limit(time.Second))
}
