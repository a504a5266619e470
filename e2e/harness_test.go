// Package e2e judges the binary from outside: its tests run it as a process of its
// own, speak to it over sockets, and look at what arrives at a gateway that shares
// no code with it.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

const (
	// runAsCaddy makes the test binary be the Caddy under test, so that
	// `go test -race` looks for races in the very main that is shipped.
	runAsCaddy = "CADDY_PAYERMAX_RUN_AS_CADDY"
	// caddyBinary names a binary to be tested instead.
	caddyBinary = "CADDY_BINARY"
)

// patience is how long a test waits for what should be there at once, on a machine that
// may have other things to do.
const patience = 30 * time.Second

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

// caddyCommand is Caddy with these arguments, at home in a folder of its own
// and with next to nothing in its environment.
func caddyCommand(t *testing.T, ctx context.Context, env []string, args ...string) *exec.Cmd {
	t.Helper()
	program, home := os.Getenv(caddyBinary), t.TempDir()
	if program == "" {
		var err error
		program, err = os.Executable()
		require.NoError(t, err)
		// The race detector would have each process wait a second before it ends.
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

// setup is what a test wants of a sidecar. Its zero value, with a gateway, is
// the main job: the payermax directive with both keys.
type setup struct {
	// gateway is the value of the gateway option; without one there is no
	// payermax directive, only what site says.
	gateway string
	// unchecked leaves gateway_public_key out.
	unchecked bool
	// options are further lines of the payermax block.
	options string
	// site is further directives of the site.
	site string
	// globals are further global options.
	globals string
	// env is added to the process's environment.
	env []string
}

// sidecar is a running Caddy.
type sidecar struct {
	addr   string
	config string // the path of its config
	log    *output
	cmd    *exec.Cmd
	exited chan struct{}
	ended  bool // as it was told to
}

// startSidecar runs Caddy until the end of the test.
func startSidecar(t *testing.T, want setup) *sidecar {
	t.Helper()
	directives := want.site
	if want.gateway != "" {
		directives += "\n" + payermaxBlock(t, want)
	}
	port := testnet.FreePort(t)
	config := strings.Replace(caddyfile(port, directives), "debug\n", "debug\n"+want.globals+"\n", 1)
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

// handlerOptions are the options that no handler can do without.
func handlerOptions(t *testing.T) string {
	return fmt.Sprintf("app_id %s\nmerchant_no %s\nprivate_key %s", appID, merchantNo, testkeys.WritePrivate(t, testkeys.Merchant()))
}

// caddyfile is a config with one site, which logs everything it can.
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

// start runs Caddy with a config that serves addr, a Caddyfile or JSON, and waits
// until it does.
func start(t *testing.T, addr, config string, env []string) *sidecar {
	t.Helper()
	return startIn(t, nil, addr, config, env)
}

// surroundings are what a process runs in, such as a control group.
type surroundings interface{ wrap(cmd *exec.Cmd) }

// startIn is start in surroundings, if there are any.
func startIn(t *testing.T, in surroundings, addr, config string, env []string) *sidecar {
	t.Helper()
	name := "Caddyfile"
	if json.Valid([]byte(config)) {
		name = "caddy.json"
	}
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))

	s := &sidecar{addr: addr, config: file, log: new(output), exited: make(chan struct{})}
	s.cmd = caddyCommand(t, context.Background(), env, "run", "--config", file)
	if in != nil {
		in.wrap(s.cmd)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	require.NoError(t, s.cmd.Start())
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // the exit code is looked at by stop
	}()
	t.Cleanup(func() { s.stop(t) })

	await(t, 2*patience, "caddy to serve "+addr, func() bool {
		select {
		case <-s.exited:
			require.FailNow(t, "caddy ended instead of serving", "%s\n%s", config, s.log)
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// stop ends the process as an orchestrator would, and looks at what it leaves: no
// race, no panic, and no secret in all that it printed.
func (s *sidecar) stop(t *testing.T) {
	if !s.ended {
		select {
		case <-s.exited:
			assert.Fail(t, "caddy ended before it was told to")
		default:
			assert.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
			s.awaitEnd(t)
		}
	}
	log := s.log.String()
	assert.NotContains(t, log, "DATA RACE")
	assert.NotContains(t, log, "panic")
	assert.Empty(t, leaks(log))
	if t.Failed() {
		const enough = 8 << 10
		t.Logf("the end of caddy's output:\n%s", log[max(0, len(log)-enough):])
	}
}

// awaitEnd waits for the end of a process that was told to end.
func (s *sidecar) awaitEnd(t *testing.T) {
	s.ended = true
	select {
	case <-s.exited:
	case <-time.After(patience):
		assert.Fail(t, "caddy did not end within "+patience.String()+" of SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	assert.Zero(t, s.cmd.ProcessState.ExitCode(), "exit code after SIGTERM")
}

// awaitLog waits for a line of the process's output that contains all parts.
func (s *sidecar) awaitLog(t *testing.T, parts ...string) {
	t.Helper()
	await(t, patience, fmt.Sprintf("a log line with %q", parts), func() bool {
		return s.log.hasLine(parts...)
	})
}

// requireLogged checks that the call that was answered has one line in the log,
// which says how it ended.
func (s *sidecar) requireLogged(t *testing.T, res *response, outcome string) {
	t.Helper()
	call := []string{`"msg":"call"`, fmt.Sprintf(`"request_id":%q`, res.header.Get("Payermax-Request-Id"))}
	s.awaitLog(t, append(call, fmt.Sprintf(`"payermax.outcome":%q`, outcome))...)
	assert.Equal(t, 1, s.log.countLines(call...), "lines of one call")
}

// awaitCalls waits for the lines of so many calls that have ended in some way, or
// in any way if it is not named.
func (s *sidecar) awaitCalls(t *testing.T, count int, outcome string) {
	t.Helper()
	await(t, patience, fmt.Sprintf("%d calls to be logged as %s", count, outcome), func() bool { return s.countCalls(outcome) == count })
}

// countCalls returns how many calls have ended in some way, or in any way if it is
// not named.
func (s *sidecar) countCalls(outcome string) int {
	return s.log.countLines(`"msg":"call"`, `"payermax.outcome":"`+outcome)
}

// output keeps what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// readLog reads a log that is written to a file.
func readLog(t *testing.T, path string) *output {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	o := new(output)
	_, _ = o.Write(text)
	return o
}

// hasLine reports whether one line contains all parts.
func (o *output) hasLine(parts ...string) bool {
	return o.countLines(parts...) > 0
}

// countLines returns how many lines contain all parts.
func (o *output) countLines(parts ...string) int {
	count := 0
	for line := range strings.Lines(o.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			count++
		}
	}
	return count
}

// await waits for a condition, and fails the test if it does not come true.
func await(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain for "+what)
		}
	}
}

// hasRaceDetector reports whether the process under test is slow and large.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && os.Getenv(caddyBinary) == "" && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
