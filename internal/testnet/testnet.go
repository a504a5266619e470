// Package testnet has what tests need of the network: ports that are free, and servers.
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

// The ports that FreePort looks at are below those that systems hand out for outgoing
// connections, one of which could otherwise take the port before the server does.
const (
	firstPort = 12000
	portCount = 20000
)

// lastPort is where FreePort goes on looking. It begins far from where the tests of
// another process do, even if that has the next process ID.
var lastPort atomic.Int32

func init() { lastPort.Store(int32(os.Getpid() * 1009 % portCount)) }

// FreePort returns a port of 127.0.0.1 that nobody listens on, and that no other test gets,
// of this process or another, until the end of this one: Caddy would share it with theirs.
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

// isFree reports whether nobody listens at a port of 127.0.0.1. It does not listen there
// itself: a process that is started meanwhile would hold the port until it has begun.
func isFree(port int) bool {
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// reserve keeps a port from the tests of other processes until the end of the test, and
// reports whether nobody else does. On Linux there is a name for it that belongs to this
// process, like the port to this network namespace, and that is free when it ends; elsewhere
// the processes only begin far from one another.
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

// FreeAddress returns the address of such a port, as host and port.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}

// Listen listens at an address where the test may have listened before. A process that was
// started when that listener was closed holds it until it has begun, so this waits for it.
func Listen(address string) (net.Listener, error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		listener, err := net.Listen("tcp", address)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return listener, err
		}
	}
}
