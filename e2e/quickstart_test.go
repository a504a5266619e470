package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// reader is a person who follows docs/quick-start.md step by step, in a directory of their own.
type reader struct {
	folder string
	// ports maps each port of the page to a free one.
	ports *strings.Replacer
	// exported are the lines that set variables for later commands.
	exported []string
	// running are the processes that were left running, keyed by their commands.
	running map[string]*sidecar
	// script is the last block of commands, and printed is its output.
	script, printed string
}

// longRunning matches the commands that the page leaves running.
var longRunning = regexp.MustCompile(`(?m)^bin/caddy (run|payermax-sandbox)`)

// served matches the ports that a Caddyfile or a command serves.
var served = regexp.MustCompile(`(?m)^:(\d+) \{|--listen 127\.0\.0\.1:(\d+)`)

// The quick start works as written: every command that needs no account is run, with the files that
// the page has saved, and prints what the page shows.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "openssl", "sed"} {
		testtool.Find(t, tool)
	}
	page, err := os.ReadFile("../docs/quick-start.md")
	require.NoError(t, err)

	r := newReader(t)
	skipped := 0
	for i, block := range markdown.Blocks(string(page)) {
		switch {
		case block.Language == "caddyfile":
			require.NotEmpty(t, block.Comment, "the block has no name to be saved by")
			require.NoError(t, os.WriteFile(filepath.Join(r.folder, block.Comment), []byte(r.ports.Replace(block.Text)), 0o600))
		case block.Language == "sh" && i == 0:
			require.Contains(t, block.Text, "go build") // this test was built by it, too
		case block.Comment == "needs an account":
			skipped++
		case block.Language == "sh":
			r.do(t, block.Text)
		case block.Language == "":
			r.requireShown(t, block.Text)
		default:
			require.FailNow(t, "a block of an unknown kind", block.Text)
		}
	}
	require.Equal(t, 1, skipped)
	require.Len(t, r.running, 3)
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{folder: t.TempDir(), running: make(map[string]*sidecar)}
	var pairs []string
	for _, port := range []string{"8080", "8081", "8443", "9000", "3000"} {
		pairs = append(pairs, ":"+port, ":"+strconv.Itoa(testnet.FreePort(t)))
	}
	r.ports = strings.NewReplacer(pairs...)

	program := caddyCommand(t, t.Context(), nil)
	require.NoError(t, os.Mkdir(filepath.Join(r.folder, "bin"), 0o700))
	require.NoError(t, os.Symlink(program.Path, filepath.Join(r.folder, "bin", "caddy")))
	return r
}

// command returns a script as the reader's shell runs it.
func (r *reader) command(t *testing.T, ctx context.Context, script string) *exec.Cmd {
	t.Helper()
	cmd := caddyCommand(t, ctx, nil) // for its environment
	script = strings.Join(r.exported, "\n") + "\n" + r.ports.Replace(script)
	bash := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	bash.Dir, bash.Env = r.folder, cmd.Env
	return bash
}

// do runs a block of commands.
func (r *reader) do(t *testing.T, script string) {
	t.Helper()
	if longRunning.MatchString(script) {
		r.leaveRunning(t, strings.TrimSpace(script))
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	printed, err := r.command(t, ctx, script).CombinedOutput()
	require.NoError(t, err, "$ %s\n%s", script, printed)
	r.script, r.printed = script, string(printed)
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "export ") {
			r.exported = append(r.exported, r.ports.Replace(strings.TrimSpace(line)))
		}
	}
}

// leaveRunning starts a process that runs until the end of the test, or until the same command is
// run again.
func (r *reader) leaveRunning(t *testing.T, command string) {
	t.Helper()
	command = strings.ReplaceAll(command, "\\\n", "")
	require.NotContains(t, command, "\n", "what is left running is a block of its own")
	if before := r.running[command]; before != nil {
		before.stop(t)
	}
	s := &sidecar{Process: testprocess.Start(t, r.command(t, context.Background(), "exec "+command))}
	r.running[command] = s
	t.Cleanup(func() {
		if r.running[command] == s {
			s.stop(t)
		}
	})
	for _, port := range r.portsOf(t, command) {
		s.AwaitServing(t, "127.0.0.1:"+port)
	}
}

// portsOf returns the ports that a command will serve, by its flags or by its Caddyfile.
func (r *reader) portsOf(t *testing.T, command string) []string {
	t.Helper()
	said := r.ports.Replace(command)
	if strings.HasPrefix(command, "bin/caddy run") {
		name := "Caddyfile"
		if _, other, ok := strings.Cut(command, "--config "); ok {
			name = other
		}
		config, err := os.ReadFile(filepath.Join(r.folder, name))
		require.NoError(t, err)
		said = string(config)
	}
	var ports []string
	for _, match := range served.FindAllStringSubmatch(said, -1) {
		ports = append(ports, match[1]+match[2])
	}
	require.NotEmpty(t, ports)
	return ports
}

// requireShown checks that the last script has printed what the page shows. Where the page waits a
// moment, a busy machine may take longer.
func (r *reader) requireShown(t *testing.T, shown string) {
	t.Helper()
	lacking := firstMissing(shown, r.printed)
	for range 10 {
		if lacking == "" || !strings.HasPrefix(r.script, "sleep ") {
			break
		}
		r.do(t, r.script)
		lacking = firstMissing(shown, r.printed)
	}
	require.Empty(t, lacking, "the page shows this line, but what was printed is\n%s", r.printed)
}

// firstMissing returns the first of the shown lines that is missing from the printed ones, in their
// order. An ellipsis stands for text that differs each time.
func firstMissing(shown, printed string) string {
	lines := strings.Split(strings.ReplaceAll(printed, "\r", ""), "\n")
	for line := range strings.Lines(shown) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", ".*")
		i := slices.IndexFunc(lines, regexp.MustCompile("^"+pattern+"$").MatchString)
		if i < 0 {
			return line
		}
		lines = lines[i+1:]
	}
	return ""
}
