package signer

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// asNobody runs f without root's right to ignore file permissions, even if the tests run
// as root. setfsuid(2) changes only one thread, and removes its capabilities to override
// file permissions. The thread ends with the goroutine, which never unlocks it.
func asNobody(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		f()
	}()
	<-done
}

func TestForbiddenFiles(t *testing.T) {
	file := writeFile(t, testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))
	require.NoError(t, os.Chmod(file, 0))

	closed := t.TempDir()
	inside := filepath.Join(closed, "payermax.key")
	require.NoError(t, os.WriteFile(inside, []byte("{}"), 0o644))
	require.NoError(t, os.Chmod(closed, 0))
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })

	for _, path := range []string{file, inside} {
		for role, read := range readers {
			var err error
			asNobody(func() { err = read(path) })
			require.ErrorIs(t, err, os.ErrPermission)
			t.Log(err)
			assert.Regexp(t, "^"+role+" file "+regexp.QuoteMeta(path)+`: permission denied: user ID \d+ may not`, err.Error())
		}
	}
}

// A file is closed after it was read. A file that cannot be read to its end is an error.
func TestFilesAreReadWholeAndClosed(t *testing.T) {
	path := writeFile(t, testkeys.PrivatePEM(testkeys.Merchant()))
	_, err := ReadPrivateKeyFile(path)
	require.NoError(t, err)
	open, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	require.NotEmpty(t, open)
	for _, descriptor := range open {
		target, _ := os.Readlink(descriptor) // an error means that it was closed in the meantime
		assert.NotEqual(t, path, target)
	}

	const unreadable = "/proc/self/mem" // a regular file that cannot be read at its beginning
	_, err = ReadKeyText(unreadable)
	assert.Error(t, err)
	for role, read := range readers {
		assert.ErrorContains(t, read(unreadable), role+" file "+unreadable+": ")
		assert.NotErrorIs(t, read(unreadable), errEmpty)
	}
}

// Anything but a regular file is refused at once, even behind a symbolic link. Opening a
// pipe without a writer would block, and loading the config with it.
func TestIrregularFilesAreRefusedAtOnce(t *testing.T) {
	pipe, socket := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "socket")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer listener.Close()

	for path, says := range map[string]string{
		pipe: "it is a pipe", socket: "it is a socket", "/dev/zero": "it is a device", "/dev/tty": "it is a device", t.TempDir(): "it is a directory",
	} {
		link := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink(path, link))
		for _, path := range []string{path, link} {
			for role, read := range readers {
				err := read(path)
				assert.ErrorContains(t, err, role+" file "+path+": "+says)
				assert.ErrorContains(t, err, "name ", "and what to do")
			}
			_, err := ReadKeyText(path)
			assert.ErrorContains(t, err, says)
		}
	}
}
