package commands_test

// These tests run the commands like a user does, as processes of a Caddy that has this
// module but lacks most of the standard ones, which are slow to start.

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/stretchr/testify/require"

	_ "github.com/caddy-payermax/caddy-payermax"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

const (
	// runAsCaddy makes the test binary run as Caddy, so that `go test -race` detects races
	// in it.
	runAsCaddy = "CADDY_PAYERMAX_RUN_AS_CADDY"
	// caddyBinary names a binary to test instead.
	caddyBinary = "CADDY_BINARY"
)

func TestMain(m *testing.M) {
	if os.Getenv(runAsCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}

// run is one run of Caddy.
type run struct {
	dir   string
	stdin string
	env   []string
}

// result is the outcome of a run.
type result struct {
	stdout, stderr string
	code           int
}

// caddy runs Caddy in the run's directory and waits for its end.
func (r run) caddy(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := r.command(t, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		require.NoError(t, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// command returns a command that runs Caddy for at most one minute, with an almost empty
// environment.
func (r run) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return r.commandWithin(t, ctx, args...)
}

// commandWithin is command with a context instead of the minute.
func (r run) commandWithin(t *testing.T, ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	program, env := caddyProgram(t)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = r.dir
	cmd.Stdin = strings.NewReader(r.stdin)
	cmd.Env = append(append(env, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir()), r.env...)
	return cmd
}

// caddyProgram returns the binary under test, and the environment variables that it needs
// to run as Caddy.
func caddyProgram(t *testing.T) (path string, env []string) {
	t.Helper()
	if program := os.Getenv(caddyBinary); program != "" {
		return program, nil
	}
	program, err := os.Executable()
	require.NoError(t, err)
	// The race detector would otherwise wait for a second at the end of each process.
	return program, []string{runAsCaddy + "=1", "GORACE=atexit_sleep_ms=0"}
}

// openssl runs OpenSSL as an independent implementation and returns its output.
func openssl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testtool.Find(t, "openssl"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "openssl %s: %s", strings.Join(args, " "), stderr.String())
	return string(out)
}

// workplace returns a run in a directory with the keys of a merchant and of a stranger,
// and a body.
func workplace(t *testing.T) run {
	t.Helper()
	r := run{dir: t.TempDir()}
	r.write(t, "merchant.key", testkeys.PrivatePEM(testkeys.Merchant()))
	r.write(t, "merchant.pub", testkeys.PublicPEM(&testkeys.Merchant().PublicKey))
	r.write(t, "stranger.pub", testkeys.OneLine(testkeys.SPKI(&testkeys.Stranger().PublicKey)))
	r.write(t, "request.json", body)
	return r
}

// body is a body as the sidecar sends it, with a canary in it.
const body = `{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"3b242b56a8b64274bcc37dac281120e3","merchantNo":"020213827212251",` +
	`"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"canary-in-the-body"}}`

func (r run) write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600))
}

func (r run) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	require.NoError(t, err)
	return string(content)
}

// names returns the names of the files in the directory.
func (r run) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// fields decodes a result in JSON.
func (r result) fields(t *testing.T) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &fields), r.stdout)
	return fields
}

// parsePrivate reads a private key in PKCS#8 PEM.
func parsePrivate(t *testing.T, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key.(*rsa.PrivateKey)
}
