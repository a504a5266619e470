package deploy

// These tests check the files that an operator applies against the real things: the manifests
// against Kubernetes' own types, the Caddyfiles and metrics against the binary of this repository,
// the rules against Prometheus.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// caddyBinary names the environment variable with the path of a binary to test instead of one built
// here.
const caddyBinary = "CADDY_BINARY"

// built is the directory of the binary that is built here.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "caddy-payermax"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// build builds the binary as it is shipped, from the module that contains this directory.
var build = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv(caddyBinary); binary != "" {
		return filepath.Abs(binary)
	}
	binary := filepath.Join(built, "caddy")
	cmd := exec.Command("go", "build", "-trimpath", "-tags=nobadger,nomysql,nopgx", "-o", binary, "./caddy")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ../caddy: %w\n%s", err, out)
	}
	return binary, nil
})

// caddy returns the binary under test.
func caddy(t *testing.T) string {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	return binary
}

// tool returns the path of a program that a test needs. If the program is missing, the test is
// skipped, except in CI, where it fails because CI installs it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		require.FailNow(t, name+" is missing, but CI must not skip this test")
	}
	if err != nil {
		t.Skip(name + " is not on this machine")
	}
	return path
}

// start runs a server and waits until ready reports that it serves. At the end of the test the
// server is terminated as an orchestrator would terminate it, if it still runs.
func start(t *testing.T, cmd *exec.Cmd, ready func() bool) *testprocess.Process {
	t.Helper()
	p := testprocess.Start(t, cmd)
	t.Cleanup(func() { p.Terminate(t, time.Minute) })
	p.AwaitReady(t, ready)
	return p
}

// await waits for a condition, and fails the test if the limit passes first.
func await(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "timed out waiting for "+what)
		}
	}
}

// freePort returns a port of 127.0.0.1 that no other test gets until this test ends.
func freePort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(testnet.FreePort(t))
}

// answers reports whether a GET request to the URL is answered with 200.
func answers(url string) bool {
	status, _ := get(url)
	return status == http.StatusOK
}

// get returns status and body, or status 0 if there is no answer.
func get(url string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, ""
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(read)
}

// post sends a call and returns the answer's status, code and body.
func post(t *testing.T, client *http.Client, url, body string) (status int, code, answered string) {
	t.Helper()
	answer, err := client.Post(url, "application/json", bytes.NewBufferString(body))
	require.NoError(t, err)
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	var envelope struct{ Code string }
	_ = json.Unmarshal(read, &envelope) // a body without a code leaves it empty
	return answer.StatusCode, envelope.Code, string(read)
}
