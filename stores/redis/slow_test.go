package redis

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slow forwards connections to a server, and delays each of the server's answers.
type slow struct {
	listener net.Listener
	server   string
	delay    atomic.Int64
}

func startSlow(t *testing.T, server string) *slow {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	s := &slow{listener: listener, server: server}
	go s.serve()
	return s
}

func (s *slow) address() string { return s.listener.Addr().String() }

func (s *slow) serve() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", s.server)
		if err != nil {
			client.Close()
			continue
		}
		go pass(client, server, new(atomic.Int64))
		go pass(server, client, &s.delay)
	}
}

// pass forwards data after the delay, until either side closes the connection.
func pass(from, to net.Conn, delay *atomic.Int64) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		time.Sleep(time.Duration(delay.Load()))
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
