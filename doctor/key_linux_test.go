package doctor

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// A key that this user may not read is a problem. To test that even as root, setfsuid(2)
// drops root's rights in one thread, which ends with the goroutine.
func TestCheckKeyThatMayNotBeRead(t *testing.T) {
	path := testkeys.WritePrivate(t, testkeys.Merchant())
	require.NoError(t, os.Chmod(path, 0))
	done := make(chan []Result)
	go func() {
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		_, results := checkKey("private key", *fileKey(path))
		done <- results
	}()
	result := only(t, <-done, "private key")
	assert.Equal(t, Problem, result.Outcome)
	assert.Contains(t, result.Message, "permission denied: user ID")
	assert.Contains(t, result.Next, "give the sidecar's user read permission")
}
