package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// onSandboxPage returns the block of docs/sandbox.md whose preceding comment has the name.
func onSandboxPage(t *testing.T, name string) string {
	t.Helper()
	for _, block := range markdown.Blocks(markdown.Page(t, "../docs/sandbox.md")) {
		if block.Comment == name {
			return block.Text
		}
	}
	require.FailNow(t, "docs/sandbox.md has no block "+name)
	return ""
}

// The page's Go test passes unchanged, in a module that contains nothing else.
func TestSandboxPageGo(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	const module = "github.com/caddy-payermax/caddy-payermax"
	dir := inFiles(t, map[string]string{
		"go.mod":          "module payment\n\ngo 1.26\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n",
		"payment_test.go": onSandboxPage(t, "payment_test.go"),
	})
	cmd := exec.Command("go", "test", "-v", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GONOSUMDB=*", "GONOSUMCHECK=1", "GOWORK=off")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), "--- PASS: TestLostAnswer")
	said, err = exec.Command("gofmt", "-l", dir).CombinedOutput()
	require.NoError(t, err)
	assert.Empty(t, string(said))
}

// bash runs a script of the page, with its port replaced; caddy is the binary under test.
func (p *sandboxPage) bash(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	caddy := caddyCommand(t, ctx, nil)
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", "caddy() { exec "+caddy.Path+` "$@"; }`+"\n"+p.ported(script))
	cmd.Dir, cmd.Env, cmd.WaitDelay = p.folder, append(caddy.Env, "PAYERMAX_URL=http://127.0.0.1:"+p.port), time.Second
	printed, err := cmd.Output()
	require.NoError(t, err, "%s", printed)
	return string(printed)
}

// sandboxPage is the page's Caddyfile in a directory, with a free port.
type sandboxPage struct{ folder, port string }

func newSandboxPage(t *testing.T) *sandboxPage {
	p := &sandboxPage{port: strconv.Itoa(testnet.FreePort(t))}
	p.folder = inFiles(t, map[string]string{"sandbox.caddyfile": p.ported(onSandboxPage(t, "sandbox.caddyfile"))})
	return p
}

func (p *sandboxPage) ported(text string) string {
	return strings.ReplaceAll(text, ":8080", ":"+p.port)
}

func TestSandboxPageProcess(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "curl"} {
		testtool.Find(t, name)
	}
	printed := newSandboxPage(t).bash(t, onSandboxPage(t, "process"))
	assert.Contains(t, printed, "BEGIN PUBLIC KEY")
	assert.Contains(t, printed, `{"code":"APPLY_SUCCESS"`)
	assert.Contains(t, printed, `"verified":true`)
}

// The service's image is the shipped one with the page's Caddyfile: it serves on the port that the
// workflow uses.
func TestSandboxPageService(t *testing.T) {
	t.Parallel()
	testtool.Find(t, "curl")
	p, workflow := newSandboxPage(t), onSandboxPage(t, "workflow.yaml")
	config, err := os.ReadFile(filepath.Join(p.folder, "sandbox.caddyfile"))
	require.NoError(t, err)
	start(t, "127.0.0.1:"+p.port, string(config), nil)
	waiting := regexp.MustCompile(`(?m)^ +- run: (curl .*)$`).FindStringSubmatch(workflow)
	require.NotNil(t, waiting)
	assert.Contains(t, p.bash(t, waiting[1]), "BEGIN PUBLIC KEY")
	requireSessionAt(t, "127.0.0.1:"+p.port)
}

// Compose runs Caddyfile.example, in the environment that the page sets.
func TestSandboxPageCompose(t *testing.T) {
	t.Parallel()
	env := environment{
		"PAYERMAX_PORT": strconv.Itoa(testnet.FreePort(t)), "PAYERMAX_HEALTH_PORT": strconv.Itoa(testnet.FreePort(t)),
	}
	_, sidecar, found := strings.Cut(onSandboxPage(t, "compose.yaml"), "  payermax:\n")
	require.True(t, found)
	for _, variable := range regexp.MustCompile(`(?m)^ +(PAYERMAX_\w+): (\S+)$`).FindAllStringSubmatch(sidecar, -1) {
		env[variable[1]] = variable[2]
	}
	require.Equal(t, "sandbox", env["PAYERMAX_GATEWAY"])
	config, err := os.ReadFile("../Caddyfile.example")
	require.NoError(t, err)
	startWith(t, string(config), env)
	requireSessionAt(t, env.address("PAYERMAX_PORT"))
}

// requireSessionAt opens a session through a sidecar.
func requireSessionAt(t *testing.T, address string) {
	t.Helper()
	answer, err := http.Post("http://"+address+endpointPath, "application/json", strings.NewReader(validBody()))
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.True(t, strings.HasSuffix(answer.Header.Get("Proxy-Status"), "; sandbox"))
}
