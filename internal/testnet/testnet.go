// Package testnet finds ports for the servers of tests.
package testnet

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// lastPort is where FreePort goes on looking. It stays below the ports that systems
// hand out for outgoing connections, one of which could otherwise take the port before
// the server does, and begins far from where the tests of another process do, even
// if that has the next process ID: Caddy would share a port with theirs.
var lastPort atomic.Int32

func init() { lastPort.Store(int32(12000 + os.Getpid()*1009%20000)) }

// FreePort returns a port of 127.0.0.1 that nobody listens on, and that no other test
// of this process gets.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := int(lastPort.Add(1))
		if listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			listener.Close()
			return port
		}
	}
	require.FailNow(t, "no free port")
	return 0
}

// FreeAddress returns the address of such a port, as host and port.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}
