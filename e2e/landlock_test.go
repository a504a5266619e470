package e2e

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/landlock-lsm/go-landlock/landlock/syscall"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// requireLandlock skips the test if the kernel has no Landlock, except in CI, where the kernel has
// it.
func requireLandlock(t *testing.T) {
	t.Helper()
	if version, err := syscall.LandlockGetABIVersion(); err != nil || version == 0 {
		if os.Getenv("CI") != "" {
			require.FailNow(t, "this kernel has no Landlock")
		}
		t.Skip("this kernel has no Landlock")
	}
}

// confined is a config with everything that touches files: keys, a Unix socket, a log file,
// metrics, and directories outside its own.
type confined struct {
	port, adminPort                       int
	landlock                              string
	keyPath, publicKeyPath                string
	gateway, socket, logFile, mine, alien string
}

func (c confined) caddyfile() string {
	return fmt.Sprintf(`{
	admin 127.0.0.1:%d
	%s
	log default {
		output file %s
	}
}
http://:%d {
	bind handover/127.0.0.1 unix/%s # or a reload could close the connection of the call after it
	metrics /metrics
	handle_path /mine/* {
		root %s
		file_server
	}
	handle_path /alien/* {
		root %s
		file_server
	}
	payermax /aggregate-pay/* {
		gateway %s
		app_id %s
		merchant_no %s
		private_key %s
		gateway_public_key %s
	}
}
`, c.adminPort, c.landlock, c.logFile, c.port, c.socket, c.mine, c.alien, c.gateway, appID, merchantNo, c.keyPath, c.publicKeyPath)
}

// load loads the config into the running Caddy, and returns its error, if any.
func (c confined) load(t *testing.T) string {
	t.Helper()
	return tryToLoad(t, fmt.Sprintf("http://127.0.0.1:%d", c.adminPort), "text/caddyfile", c.caddyfile())
}

// statusOf requests a path over TCP or through the socket, and returns the status.
func (c confined) statusOf(t *testing.T, path string, socket bool) int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	if socket {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.socket)
		}
	}
	answer, err := (&http.Client{Transport: transport}).Get(fmt.Sprintf("http://127.0.0.1:%d%s", c.port, path))
	require.NoError(t, err)
	answer.Body.Close()
	return answer.StatusCode
}

// A confined sidecar does everything that it has to: its keys rotate and its config is reloaded. It
// cannot read other files, even if the config names them.
func TestLandlock(t *testing.T) {
	t.Parallel()
	requireLandlock(t)
	holding := func(key *rsa.PrivateKey) map[string]string {
		return map[string]string{"private.key": testkeys.PrivatePEM(key)}
	}
	volume := testkeys.MountSecret(t, holding(testkeys.Merchant()))
	c := confined{
		port: testnet.FreePort(t), adminPort: testnet.FreePort(t),
		keyPath: volume.Path("private.key"), publicKeyPath: testkeys.WritePublic(t, &testkeys.Gateway().PublicKey),
		gateway: newUpstream(t).url(),
		socket:  filepath.Join(t.TempDir(), "sock"), logFile: filepath.Join(t.TempDir(), "log"),
		mine: t.TempDir(), alien: t.TempDir(),
	}
	for _, folder := range []string{c.mine, c.alien} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), []byte("content"), 0o600))
	}
	c.landlock = fmt.Sprintf("payermax_landlock {\nread %s\nwrite %s\nrequired\n}", c.mine, filepath.Dir(c.logFile))
	s := start(t, fmt.Sprintf("127.0.0.1:%d", c.port), c.caddyfile(), nil)
	logged := func(count int, parts ...string) {
		t.Helper()
		await(t, patience, fmt.Sprintf("%d log lines with %q", count, parts), func() bool {
			return readLog(t, c.logFile).Count(parts...) == count
		})
	}
	logged(1, "the process is confined to its files", filepath.Dir(volume.Path("private.key")))

	works := func() {
		t.Helper()
		requireSuccess(t, s.post(t, validBody()))
		for _, socket := range []bool{false, true} {
			assert.Equal(t, http.StatusOK, c.statusOf(t, "/mine/file", socket))
			assert.Equal(t, http.StatusForbidden, c.statusOf(t, "/alien/file", socket))
		}
		assert.Contains(t, get(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", c.port)), "process_open_fds")
	}
	works()

	volume.Swap(holding(testkeys.Next()))
	logged(1, "keys reloaded")
	volume.Swap(holding(testkeys.Merchant()))
	logged(2, "keys reloaded")
	works()

	require.Empty(t, c.load(t))
	works()

	other := c
	other.keyPath = testkeys.WritePrivate(t, testkeys.Merchant())
	assert.Contains(t, other.load(t), "payermax_landlock confines this process to the files of the config that it began with, so restart it")
	other = c
	other.landlock = "payermax_landlock {\nread " + c.alien + "\n}"
	assert.Contains(t, other.load(t), "the process is confined already, without "+c.alien+"; restart Caddy")
	other = c
	other.landlock = ""
	require.Empty(t, other.load(t), "a config that does not ask for it is as confined")
	works()
}

// A config that names paths that do not exist is refused.
func TestLandlockPaths(t *testing.T) {
	t.Parallel()
	requireLandlock(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for option, said := range map[string]string{
		"read " + file + ".missing": "read: stat " + file + ".missing: no such file or directory; name an existing path",
		"write " + file + ".dir":    "write: stat " + file + ".dir: no such file or directory; create the directory first",
		"write " + file:             "write: " + file + " is not a directory; name its directory",
	} {
		t.Run(strings.Fields(option)[0], func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "Caddyfile")
			require.NoError(t, os.WriteFile(config, []byte("{\nadmin off\npayermax_landlock {\n"+option+"\n}\n}\n"), 0o600))
			printed, err := caddyCommand(t, t.Context(), nil, "run", "--config", config, "--adapter", "caddyfile").CombinedOutput()
			require.Error(t, err)
			assert.Contains(t, string(printed), said)
		})
	}
}
