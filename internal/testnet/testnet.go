// Package testnet provides free ports and servers for tests.
package testnet

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FreePort uses ports below the ephemeral ports of operating systems, since an outgoing
// connection could otherwise take the port before the server does.
const (
	firstPort = 12000
	portCount = 20000
)

// lastPort is the last port that FreePort tried, relative to firstPort. It starts far
// from that of another process, even if that has the next process ID.
var lastPort atomic.Int32

func init() { lastPort.Store(int32(os.Getpid() * 1009 % portCount)) }

// FreePort returns a port of 127.0.0.1 that nothing listens on. No other test, in this
// process or another, gets the same port until the end of this test: Caddy would share it
// with the other test's Caddy.
func FreePort(t testing.TB) int {
	t.Helper()
	for range portCount {
		port := firstPort + int(uint32(lastPort.Add(1))%portCount)
		if !reserve(t, port) {
			continue
		}
		if isFree(port) {
			return port
		}
	}
	require.FailNow(t, "no free port")
	return 0
}

// isFree reports whether nothing listens on a port of 127.0.0.1. It does not listen there
// itself: a child process that is forked meanwhile would inherit the listener and hold
// the port until its exec.
func isFree(port int) bool {
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// reserve reserves a port until the end of the test, and reports whether no other process
// has reserved it. On Linux, the reservation is an abstract Unix socket, which belongs to
// the same network namespace as the port and disappears with the process; elsewhere,
// processes just start far from one another.
func reserve(t testing.TB, port int) bool {
	if runtime.GOOS != "linux" {
		return true
	}
	name, err := net.Listen("unix", "@caddy-payermax-test-"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	t.Cleanup(func() { name.Close() })
	return true
}

// FreeAddress returns 127.0.0.1 with a port of FreePort, as host:port.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}

// Listen listens on an address on which the test may have listened before. It retries
// while the address is in use: a child process that was forked just before the earlier
// listener was closed holds it until its exec.
func Listen(address string) (net.Listener, error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		listener, err := net.Listen("tcp", address)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return listener, err
		}
	}
}
