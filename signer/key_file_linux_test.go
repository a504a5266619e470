package signer

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asNobody runs f without the right to read what nobody may read, even if the tests
// run as root. setfsuid(2) changes one thread only and takes its capabilities to
// override file permissions; the thread ends with the goroutine, because that never
// unlocks it.
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
	file := writeFile(t, oneLine(pkcs8DER(testKey())))
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

// Opening a pipe that nobody writes to would hang, and a configuration with it.
func TestNamedPipeIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	for _, read := range readers {
		assert.ErrorContains(t, read(path), "regular file")
	}
}
