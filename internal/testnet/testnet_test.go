package testnet

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FreePort never returns an ephemeral port, a port of another test, or a port that
// something listens on, however many were requested before.
func TestFreePort(t *testing.T) {
	lastPort.Store(portCount - 3)
	taken, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(firstPort+1))
	if err == nil {
		defer taken.Close()
	}
	seen := make(map[int]bool)
	for range 10 {
		port := FreePort(t)
		assert.False(t, seen[port], port)
		seen[port] = true
		assert.GreaterOrEqual(t, port, firstPort)
		assert.Less(t, port, firstPort+portCount)
		assert.NotEqual(t, firstPort+1, port, "it is taken")
	}
	lastPort.Store(portCount - 3)
	assert.False(t, seen[FreePort(t)], "another process would begin there, too")
}

// The ports of a test are free again when it has ended.
func TestPortsAreGivenBack(t *testing.T) {
	var port int
	t.Run("a test", func(t *testing.T) { port = FreePort(t) })
	require.True(t, reserve(t, port))
}

// Listen waits for an address that is briefly in use.
func TestListenWaits(t *testing.T) {
	address := FreeAddress(t)
	before, err := net.Listen("tcp", address)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, func() { before.Close() })
	listener, err := Listen(address)
	require.NoError(t, err)
	listener.Close()
}
