package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// ending is a command and the exit code it ends with.
type ending struct {
	command string
	code    int
}

// The table of exit codes lists exactly the exit codes that occur here.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	documented := exitCodeTable(t)

	happened := make(map[ending]bool)
	for _, args := range exitingRuns(t) {
		if takesJSON(args[0]) {
			args = append(args, "--json")
		}
		happened[ending{args[0], exitCodeOf(t, args...)}] = true
	}
	happened[ending{"payermax-sandbox", exitCodeAfter(t, "its page", interrupt,
		"payermax-sandbox", "--app-id", appID, "--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "--listen", testnet.FreeAddress(t))}] = true
	pidfile := filepath.Join(t.TempDir(), "caddy.pid")
	for _, end := range []func(*testing.T, *testprocess.Process){interrupt, interruptTwice, terminateWithout(pidfile)} {
		config, address := slowToEnd(t)
		served := func(t *testing.T, caddy *testprocess.Process) {
			// Caddy starts to catch signals in a goroutine, which might do so after that line is
			// logged, but hardly after a request has been served.
			get(t, "http://"+address)
			end(t, caddy)
		}
		happened[ending{"run", exitCodeAfter(t, "serving initial configuration", served,
			"run", "--config", config, "--pidfile", pidfile)}] = true
	}
	assert.Equal(t, documented, happened)
}

// exitCodeTable reads which command can exit with which codes.
func exitCodeTable(t *testing.T) map[ending]bool {
	t.Helper()
	section, err := markdown.Section(markdown.Page(t, "../docs/commands.md"), "Exit codes")
	require.NoError(t, err)
	documented := make(map[ending]bool)
	for _, row := range markdown.Rows(section) {
		for _, command := range regexp.MustCompile("`(?:caddy )?([a-z-]+)`").FindAllStringSubmatch(row[0], -1) {
			for code, meaning := range row[1:] {
				if meaning != "" {
					documented[ending{command[1], code}] = true
				}
			}
		}
	}
	require.NotEmpty(t, documented)
	return documented
}

// exitingRuns returns commands that exit by themselves, in each way that the table lists.
func exitingRuns(t *testing.T) [][]string {
	t.Helper()
	folder := t.TempDir()
	private := testkeys.WritePrivate(t, testkeys.Merchant())
	public := testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	body := file("body.json", "{}")
	signature, err := caddyCommand(t, t.Context(), nil, "payermax-sign", "--private-key", private, "--body", body).Output()
	require.NoError(t, err)
	sign, otherBody := file("sign.txt", string(signature)), file("other.json", "[]")
	missing := filepath.Join(folder, "missing")
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { busy.Close() })
	_, busyPort, err := net.SplitHostPort(busy.Addr().String())
	require.NoError(t, err)
	good := file("Good.caddyfile", "{\n\tadmin off\n}\n\n:8080 {\n\tbind 127.0.0.1\n\n\tpayermax {\n\t\tgateway sandbox\n\t}\n}\n")
	bad := file("Bad.caddyfile", ":8080 {\n\tpayermax {\n\t\tgateway uat\n\t}\n}\n")
	ready := "http://" + startSidecar(t, setup{gateway: "sandbox sandbox", unchecked: true, site: "payermax_health"}).addr + "/readyz"

	return [][]string{
		{"payermax-verify", "--public-key", public, "--body", body, "--sign-file", sign},
		{"payermax-verify", "--public-key", public, "--body", otherBody, "--sign-file", sign},
		{"payermax-verify", "--public-key", missing, "--body", body, "--sign-file", sign},
		{"payermax-sign", "--private-key", private, "--body", body},
		{"payermax-sign", "--private-key", missing, "--body", body},
		{"payermax-version"},
		{"payermax-version", "--nope"},
		{"payermax-health", "--url", ready},
		{"payermax-health", "--url", "http://127.0.0.1:1/readyz"},
		{"payermax-health", "--nope"},
		{"payermax-keygen", "--out", filepath.Join(folder, "new")},
		{"payermax-keygen", "--out", filepath.Join(folder, "new")}, // the file exists now
		{"payermax-keygen", "--bits", "1"},
		{"payermax-convert", "--in", private, "--to", "public-pem"},
		{"payermax-convert", "--in", public, "--to", "pkcs8-pem", "--out", filepath.Join(folder, "converted")},
		{"payermax-convert", "--in", missing, "--to", "public-pem"},
		{"payermax-doctor", "--config", good, "--offline"},
		{"payermax-doctor", "--config", bad, "--offline"},
		{"payermax-doctor", "--config", missing},
		{"payermax-demo", "--port", "0"},
		{"payermax-demo", "--port", busyPort},
		{"payermax-demo", "--nope"},
		{"payermax-sandbox", "--app-id", appID, "--public-key", public, "--listen", busy.Addr().String()},
		{"payermax-sandbox"},
		{"validate", "--config", good, "--adapter", "caddyfile"},
		{"validate", "--config", bad, "--adapter", "caddyfile"},
		{"run", "--config", bad, "--adapter", "caddyfile"},
		{"upgrade"}, {"add-package", "example.com/x"}, {"remove-package", "example.com/x"},
	}
}

// slowToEnd returns a config that takes a while to end once told to.
func slowToEnd(t *testing.T) (path, address string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "Caddyfile")
	port := testnet.FreePort(t)
	config := strings.Replace(caddyfile(port, "respond 204"), "debug\n", "shutdown_delay 2s\n", 1)
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	return path, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// takesJSON reports whether a command has the flag --json.
func takesJSON(command string) bool {
	return strings.HasPrefix(command, "payermax-") && command != "payermax-demo" && command != "payermax-sandbox"
}

// exitCodeOf runs a command to its end and returns its exit code. With --json, the output must be
// nothing but JSON, however the command ends.
func exitCodeOf(t *testing.T, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := caddyCommand(t, ctx, nil, args...)
	said, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		require.NoError(t, err, args)
	}
	require.NoError(t, ctx.Err(), "%v does not end: %s", args, said)
	if args[len(args)-1] == "--json" {
		assert.True(t, json.Valid(said), "caddy %s: %q", strings.Join(args, " "), said)
	}
	t.Logf("%d: caddy %s", cmd.ProcessState.ExitCode(), strings.Join(args, " "))
	return cmd.ProcessState.ExitCode()
}

// exitCodeAfter starts a long-running command, and ends it once it has printed the given text.
func exitCodeAfter(t *testing.T, says string, end func(*testing.T, *testprocess.Process), args ...string) int {
	t.Helper()
	caddy := testprocess.Start(t, caddyCommand(t, t.Context(), nil, args...))
	caddy.AwaitLine(t, says)
	end(t, caddy)
	caddy.Wait(t, time.Minute)
	t.Logf("%d: caddy %s", caddy.ExitCode(), strings.Join(args, " "))
	return caddy.ExitCode()
}

func interrupt(t *testing.T, caddy *testprocess.Process) { caddy.Signal(t, os.Interrupt) }

func interruptTwice(t *testing.T, caddy *testprocess.Process) {
	interrupt(t, caddy)
	caddy.AwaitLine(t, "shutting down")
	interrupt(t, caddy)
}

// terminateWithout removes the file that Caddy wants to remove when it exits.
func terminateWithout(pidfile string) func(*testing.T, *testprocess.Process) {
	return func(t *testing.T, caddy *testprocess.Process) {
		require.NoError(t, os.Remove(pidfile))
		caddy.Signal(t, syscall.SIGTERM)
	}
}
