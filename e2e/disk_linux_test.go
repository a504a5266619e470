package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// device is always full: every write to it fails with ENOSPC.
const device = "/dev/full"

// logTo returns a config that logs to a file.
func logTo(port int, directives, file string) string {
	return strings.Replace(caddyfile(port, directives), "debug\n", "debug\n\tlog {\n\t\toutput file "+file+"\n\t}\n", 1)
}

// A log that cannot be written does not stop calls. Only its lines are lost.
func TestDiskFullOfLog(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	block := payermaxBlock(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})

	t.Run("from the beginning", func(t *testing.T) {
		port := testnet.FreePort(t)
		s := start(t, "127.0.0.1:"+strconv.Itoa(port), logTo(port, block, device+" {\n\t\t\troll_disabled\n\t\t}"), nil)
		for endpoint := range moving {
			pay(t, s, gateway, endpoint)
		}
		s.NeverPrints(`"msg":"call"`)
		s.AwaitLine(t, "write error", "no space left on device") // on standard error
	})

	// A limit on the size of files comes as close as possible to a disk that fills up.
	t.Run("for a while", func(t *testing.T) {
		port := testnet.FreePort(t)
		file := filepath.Join(t.TempDir(), "log")
		s := start(t, "127.0.0.1:"+strconv.Itoa(port), logTo(port, block, file), nil)
		lines := func(res *response) int {
			return readLog(t, file).Count(`"msg":"call"`, res.header.Get("Payermax-Request-Id"))
		}
		assert.Equal(t, 1, lines(pay(t, s, gateway, "orderAndPay")))

		info, err := os.Stat(file)
		require.NoError(t, err)
		before := s.limit(t, unix.RLIMIT_FSIZE, uint64(info.Size()))
		lost := pay(t, s, gateway, "orderAndPay")
		assert.Zero(t, lines(lost))
		s.limit(t, unix.RLIMIT_FSIZE, before)
		assert.Equal(t, 1, lines(pay(t, s, gateway, "refund")))
		assert.Zero(t, lines(lost))
		s.AwaitLine(t, "write error", "file too large")
	})
}

// The files that Caddy itself would keep on disk, the config for --resume and its storage, are not
// needed to make calls, to reload or to exit.
func TestDiskFullOfState(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	block := payermaxBlock(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})
	noFolder := filepath.Join(testkeys.WriteFile(t, "a file"), "folder")
	full := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(full, "caddy"), 0o700))
	require.NoError(t, os.Symlink(device, filepath.Join(full, "caddy", "autosave.json")))

	for name, test := range map[string]struct{ env, says []string }{
		"no folder can be made":   {[]string{"XDG_CONFIG_HOME=" + noFolder, "XDG_DATA_HOME=" + noFolder}, []string{"unable to create folder for config autosave"}},
		"the config is not saved": {[]string{"XDG_CONFIG_HOME=" + full}, []string{"unable to autosave config", "no space left on device"}},
	} {
		t.Run(name, func(t *testing.T) {
			port := testnet.FreePort(t)
			config := strings.NewReplacer("admin off", fmt.Sprintf("admin 127.0.0.1:%d", testnet.FreePort(t)), "persist_config off", "",
				"bind 127.0.0.1", "bind handover/127.0.0.1").Replace(caddyfile(port, block))
			s := start(t, "127.0.0.1:"+strconv.Itoa(port), config, test.env)
			s.AwaitLine(t, test.says...)
			s.requireLogged(t, pay(t, s, gateway, "orderAndPay"), "answered")
			s.Signal(t, syscall.SIGUSR1)
			s.AwaitLine(t, reloaded)
			s.requireLogged(t, pay(t, s, gateway, "refund"), "answered")
		})
	}
}

// smallDisk is a file system of 64 KiB, mounted at a directory that only the process itself sees.
type smallDisk struct{ folder string }

// newSmallDisk returns a small disk, or skips the test if this user cannot make one.
func newSmallDisk(t *testing.T) *smallDisk {
	t.Helper()
	disk := &smallDisk{t.TempDir()}
	cmd := exec.Command("true")
	disk.wrap(cmd)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs root, to mount a small disk: %v: %s", err, said)
	}
	return disk
}

// wrap makes a command run with the disk mounted, in its own mount namespace.
func (d *smallDisk) wrap(cmd *exec.Cmd) {
	const mount = `mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"`
	cmd.Args = append([]string{"unshare", "--mount", "sh", "-c", mount, d.folder, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Err = "/usr/bin/unshare", nil
}

// path returns where a test finds a file on the process's disk.
func (d *smallDisk) path(s *sidecar, name string) string {
	return filepath.Join("/proc", strconv.Itoa(s.Pid()), "root", d.folder, name)
}

// A disk that the log itself fills up does not stop calls from being made and answered. Lines
// logged once there is room again are written, once each.
func TestDiskOfLogFillsUp(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]string{
		"file": "output file %s {\nroll_disabled\n}", "payermax_buffered": "output payermax_buffered {\nsize 16KiB\nwrap file %s {\nroll_disabled\n}\n}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := newSmallDisk(t)
			gateway := newPaymentUpstream(t)
			port := testnet.FreePort(t)
			config := strings.Replace(caddyfile(port, payermaxBlock(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})),
				"debug\n", "log {\n"+fmt.Sprintf(output, filepath.Join(disk.folder, "log"))+"\n}\n", 1)
			s := startIn(t, disk, "127.0.0.1:"+strconv.Itoa(port), config, nil)
			file := disk.path(s, "log")

			const more = 200 // about 100 KiB of lines
			for range more {
				pay(t, s, gateway, "orderAndPay")
			}
			info, err := os.Stat(file)
			require.NoError(t, err)
			assert.LessOrEqual(t, info.Size(), int64(64<<10))
			lines := func() int { return readLog(t, file).Count(`"msg":"call"`) }
			await(t, patience, "the lines for which there was room", func() bool { return lines() > more/10 })
			assert.Less(t, lines(), more)

			require.NoError(t, os.Truncate(file, 0)) // an operator frees space
			var last *response
			await(t, patience, "a line with room for it", func() bool {
				last = pay(t, s, gateway, "refund")
				return readLog(t, file).Count(`"msg":"call"`, last.header.Get("Payermax-Request-Id")) == 1
			})
		})
	}
}
