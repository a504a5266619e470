// Package e2e tests the binary from outside: it runs the binary as a separate process, talks to it
// over sockets, and checks what arrives at a gateway that shares no code with it.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

const (
	// runAsCaddy names the environment variable that makes the test binary run as the Caddy under
	// test, so that `go test -race` looks for races in the same main as the shipped one.
	runAsCaddy = "CADDY_PAYERMAX_RUN_AS_CADDY"
	// caddyBinary names the environment variable with the path of another binary to test.
	caddyBinary = "CADDY_BINARY"
)

// patience is how long a test waits for what should happen at once, on a machine that may be busy.
const patience = time.Minute

const (
	appID      = "3b242b56a8b64274bcc37dac281120e3"
	merchantNo = "020213827212251"
)

func TestMain(m *testing.M) {
	if os.Getenv(runAsCaddy) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// caddyCommand returns a command that runs Caddy with these arguments, with a home directory of its
// own and almost nothing in its environment.
func caddyCommand(t *testing.T, ctx context.Context, env []string, args ...string) *exec.Cmd {
	t.Helper()
	program, home := os.Getenv(caddyBinary), t.TempDir()
	if program == "" {
		var err error
		program, err = os.Executable()
		require.NoError(t, err)
		// By default, the race detector makes each process wait a second before it exits.
		env = append(env, runAsCaddy+"=1", "GORACE=atexit_sleep_ms=0")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = home
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_DATA_HOME=" + filepath.Join(home, "data"),
	}, env...)
	return cmd
}

// setup describes the sidecar that a test needs. Its zero value plus a gateway is the main case:
// the payermax directive with both keys.
type setup struct {
	// gateway is the value of the gateway option. If it is empty, there is no payermax directive,
	// only site.
	gateway string
	// unchecked omits gateway_public_key.
	unchecked bool
	// options are additional lines of the payermax block.
	options string
	// site holds additional directives of the site.
	site string
	// globals are additional global options.
	globals string
	// network is the network that the site listens on, such as handover/, with which calls do not
	// notice a reload; plain TCP if empty.
	network string
	// env is added to the process's environment.
	env []string
}

// sidecar is a running Caddy.
type sidecar struct {
	*testprocess.Process
	addr   string
	config string // the path of its config file
	home   string // its home directory
	told   bool   // it was told to end
}

// startSidecar runs Caddy until the end of the test.
func startSidecar(t *testing.T, want setup) *sidecar {
	t.Helper()
	directives := want.site
	if want.gateway != "" {
		directives += "\n" + payermaxBlock(t, want)
	}
	port := testnet.FreePort(t)
	config := strings.NewReplacer("debug\n", "debug\n"+want.globals+"\n", "bind ", "bind "+want.network, "SITE", directives).Replace(caddyfile(port, "SITE"))
	return start(t, "127.0.0.1:"+strconv.Itoa(port), config, want.env)
}

// payermaxBlock is the payermax directive that the setup asks for.
func payermaxBlock(t *testing.T, want setup) string {
	options := []string{"gateway " + want.gateway, handlerOptions(t)}
	if !want.unchecked {
		options = append(options, "gateway_public_key "+testkeys.WritePublic(t, &testkeys.Gateway().PublicKey))
	}
	return "payermax {\n" + strings.Join(append(options, want.options), "\n") + "\n}"
}

// unhurried is the option of tests that make many calls at once. By default, a busy machine with the
// race detector would refuse some of them, because they would wait too long for their signatures.
const unhurried = "max_wait 20s"

// handlerOptions returns the options that every payermax block needs.
func handlerOptions(t *testing.T) string {
	return fmt.Sprintf("app_id %s\nmerchant_no %s\nprivate_key %s", appID, merchantNo, testkeys.WritePrivate(t, testkeys.Merchant()))
}

// caddyfile returns a config with one site, which logs as much as it can.
func caddyfile(port int, directives string) string {
	return fmt.Sprintf(`{
	admin off
	persist_config off
	debug
}

http://:%d {
	bind 127.0.0.1
	%s
}
`, port, directives)
}

// start runs Caddy with a config (a Caddyfile or JSON) that serves addr, and waits until it serves.
func start(t *testing.T, addr, config string, env []string) *sidecar {
	t.Helper()
	return startIn(t, nil, addr, config, env)
}

// surroundings is an environment that a process runs in, such as a control group.
type surroundings interface{ wrap(cmd *exec.Cmd) }

// startIn is like start, but within surroundings, if there are any.
func startIn(t *testing.T, in surroundings, addr, config string, env []string) *sidecar {
	t.Helper()
	name := "Caddyfile"
	if json.Valid([]byte(config)) {
		name = "caddy.json"
	}
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))

	cmd := caddyCommand(t, context.Background(), env, "run", "--config", file)
	home := cmd.Dir
	if in != nil {
		in.wrap(cmd)
	}
	s := &sidecar{Process: testprocess.Start(t, cmd), addr: addr, config: file, home: home}
	t.Cleanup(func() { s.stop(t) })
	s.AwaitServing(t, addr)
	return s
}

// stop ends the process as an orchestrator would, and checks that it had no race and no panic, and
// printed no secret.
func (s *sidecar) stop(t *testing.T) {
	if !s.told {
		assert.False(t, s.HasEnded(), "caddy ended before it was told to")
		s.terminate(t)
	}
	log := string(s.Wait(t, patience))
	assert.NotContains(t, log, "DATA RACE")
	assert.NotRegexp(t, `\bpanic\b`, log) // as a word: the sandbox's key in base64 may have the letters
	assert.Empty(t, leaks(log))
}

// terminate ends the process as an orchestrator would, and returns everything that it printed.
func (s *sidecar) terminate(t *testing.T) testprocess.Printed {
	_ = s.Terminate(t, patience)
	return s.awaitEnd(t)
}

// awaitEnd waits until a process that was told to end has ended, and returns everything that it
// printed.
func (s *sidecar) awaitEnd(t *testing.T) testprocess.Printed {
	s.told = true
	log := s.Wait(t, patience)
	assert.Zero(t, s.ExitCode(), "exit code after SIGTERM")
	return log
}

// requireLogged checks that the call with this answer has one line in the log, which says how it
// ended.
func (s *sidecar) requireLogged(t *testing.T, res *response, outcome string) {
	t.Helper()
	call := []string{`"msg":"call"`, fmt.Sprintf(`"request_id":%q`, res.header.Get("Payermax-Request-Id"))}
	s.AwaitLine(t, append(call, fmt.Sprintf(`"payermax.outcome":%q`, outcome))...)
	s.Prints(t, 1, call...)
}

// awaitCalls waits for the lines of count calls with an outcome, or with any outcome if it is
// empty, and returns what has been printed so far.
func (s *sidecar) awaitCalls(t *testing.T, count int, outcome string) (soFar testprocess.Printed) {
	t.Helper()
	s.Await(t, fmt.Sprintf("to log %d calls as %s", count, outcome), func(printed testprocess.Printed) bool {
		soFar = printed
		return countCalls(soFar, outcome) == count
	})
	return soFar
}

// countCalls returns how many calls have ended with an outcome, or with any outcome if it is empty.
func countCalls(log testprocess.Printed, outcome string) int {
	return log.Count(`"msg":"call"`, `"payermax.outcome":"`+outcome)
}

// readLog reads a log file.
func readLog(t *testing.T, path string) testprocess.Printed {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return testprocess.Printed(text)
}

// await waits for a condition, and fails the test if the limit passes first.
func await(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "timed out waiting for "+what)
		}
	}
}

// hasRaceDetector reports whether the process under test has the race detector, which makes it slow
// and large.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && os.Getenv(caddyBinary) == "" && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
