package testnet

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// Serve calls handle for each connection in a goroutine of its own, and closes the
// connection when handle returns, or at the end of the test. It returns its loopback
// address, such as "127.0.0.1:12345".
func Serve(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended); listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				handle(conn)
			}()
			go func() {
				defer conn.Close()
				select {
				case <-served:
				case <-ended:
				}
			}()
		}
	}()
	return listener.Addr().String()
}
