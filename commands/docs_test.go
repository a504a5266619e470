package commands_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/diagnosis"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// docs is the path of the commands' manual.
const docs = "../docs/commands.md"

// transcript is a command in the manual and its output.
type transcript struct{ command, output string }

// The commands print what the manual's transcripts show, run one after the other in one
// directory. An ellipsis stands for output that differs each time.
func TestDocsTranscripts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docs)
	require.NoError(t, err)
	sh := testtool.Find(t, "sh")

	home := t.TempDir()
	program, env := caddyProgram(t)
	require.NoError(t, os.Symlink(program, filepath.Join(home, "caddy")))
	work := filepath.Join(home, "work")
	require.NoError(t, os.Mkdir(work, 0o700))

	transcripts := readTranscripts(string(text))
	require.Greater(t, len(transcripts), 10)
	code, missing := 0, ""
	for _, want := range transcripts {
		if program := lacking(want.command); program != "" {
			missing = program
			continue
		}
		// Set $? to the exit code of the previous command, which ran in another shell.
		cmd := exec.CommandContext(t.Context(), sh, "-c", fmt.Sprintf("(exit %d)\n%s", code, want.command))
		cmd.Dir = work
		cmd.Env = append(env, "HOME="+home, "PATH="+home+string(os.PathListSeparator)+os.Getenv("PATH"))
		printed, err := cmd.CombinedOutput()
		require.NotNil(t, cmd.ProcessState, err)
		code = cmd.ProcessState.ExitCode()

		pattern := strings.ReplaceAll(regexp.QuoteMeta(want.output), "…", ".+")
		if !regexp.MustCompile("^" + pattern + "$").Match(printed) {
			assert.Fail(t, "the manual is not true", "$ %s\nprints\n%s\nand not\n%s", want.command, printed, want.output)
		}
	}
	if missing != "" {
		testtool.Find(t, missing) // this skips the test, after the other transcripts have been checked
	}
}

// lacking returns a program that a command needs and this machine does not have, or "".
func lacking(command string) string {
	for _, program := range []string{"openssl", "curl", "base64", "iconv"} {
		if _, err := exec.LookPath(program); err != nil && regexp.MustCompile(`(^|\| |\()`+program+` `).MatchString(command) {
			return program
		}
	}
	return ""
}

// readTranscripts returns the commands in the manual's code blocks of the language
// console.
func readTranscripts(text string) []transcript {
	var all []transcript
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		continued := false
		for line := range strings.Lines(block[1]) {
			command, begins := strings.CutPrefix(line, "$ ")
			switch {
			case begins:
				all = append(all, transcript{command: command})
			case continued:
				all[len(all)-1].command += line
			default:
				all[len(all)-1].output += line
			}
			continued = (begins || continued) && strings.HasSuffix(line, "\\\n")
		}
	}
	return all
}

// update makes the test write the generated table into the manual.
var update = flag.Bool("update", false, "write the manual's table of causes anew")

// The manual's table of causes is generated from the code, and has each declared cause.
func TestDocsCauses(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docs)
	require.NoError(t, err)
	begin, _, found := strings.Cut(string(text), "| cause |")
	require.True(t, found)
	_, end, found := strings.Cut(string(text)[len(begin):], "\n\n")
	require.True(t, found)

	var explained []string
	table := "| cause | meaning | what to do |\n| --- | --- | --- |\n"
	for _, e := range diagnosis.Explanations {
		explained = append(explained, string(e.Cause))
		table += fmt.Sprintf("| `%s` | %s | %s |\n", e.Cause, e.Meaning, e.Remedy)
	}
	assert.Equal(t, declaredCauses(t), explained)
	want := begin + table + "\n" + end
	if *update {
		require.NoError(t, os.WriteFile(docs, []byte(want), 0o600))
		return
	}
	assert.Equal(t, want, string(text), "write it anew: go test ./commands -run TestDocsCauses -update")
}

// declaredCauses returns the constants of type Cause, in the order of their declaration.
func declaredCauses(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../diagnosis/diagnosis.go", nil, 0)
	require.NoError(t, err)
	var causes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Cause" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		causes = append(causes, value)
		return true
	})
	require.NotEmpty(t, causes)
	return causes
}

// The manual names every flag of every command.
func TestDocsFlags(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docs)
	require.NoError(t, err)
	for _, tool := range tools {
		_, section, found := bytes.Cut(text, []byte("\n## `"+tool+"`"))
		require.True(t, found, tool)
		section, _, _ = bytes.Cut(section, []byte("\n## "))
		for _, flag := range regexp.MustCompile(`(?m)^ +--([a-z-]+)`).FindAllStringSubmatch(run{}.caddy(t, tool, "--help").stdout, -1) {
			if flag[1] != "json" { // which all commands have
				assert.Contains(t, string(section), "--"+flag[1], tool)
			}
		}
	}
}
