package handover

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// listenOn listens on a port of this machine, without an HTTP server.
func listenOn(t *testing.T, ctx context.Context, port string) *listener {
	t.Helper()
	l, err := listen(ctx, network, "127.0.0.1", port, 0, net.ListenConfig{})
	require.NoError(t, err)
	return l.(*listener)
}

// accepting returns a channel with the connection that a listener accepts.
func accepting(t *testing.T, l net.Listener) <-chan net.Conn {
	connections := make(chan net.Conn, 1)
	go func() {
		if conn, err := l.Accept(); err == nil {
			t.Cleanup(func() { conn.Close() })
			connections <- conn
		}
	}()
	return connections
}

// requireAccepted waits until the listener accepts a connection.
func requireAccepted(t *testing.T, l net.Listener) {
	t.Helper()
	select {
	case <-accepting(t, l):
	case <-time.After(30 * time.Second):
		require.Fail(t, "no connection is accepted")
	}
}

// requireNone checks that the listener accepts no connection for a moment.
func requireNone(t *testing.T, l net.Listener) {
	t.Helper()
	select {
	case <-accepting(t, l):
		require.Fail(t, "a connection is accepted")
	case <-time.After(100 * time.Millisecond):
	}
}

func TestHandover(t *testing.T) {
	port := strconv.Itoa(testnet.FreePort(t))
	dial := func() {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	old := listenOn(t, t.Context(), port)
	assert.Equal(t, "127.0.0.1:"+port, old.Addr().String())
	dial()
	requireAccepted(t, old)

	// Connections that arrive before the new listener accepts wait for it.
	began := time.Now()
	changed := listenOn(t, t.Context(), port)
	assert.GreaterOrEqual(t, time.Since(began), grace)
	dial()
	dial()
	requireNone(t, old)
	requireAccepted(t, changed)
	requireAccepted(t, changed)

	// A config that cannot start after all leaves everything as it was, whether its
	// listener is closed or its context ends.
	failed := listenOn(t, t.Context(), port)
	dial()
	require.NoError(t, failed.Close())
	requireAccepted(t, changed)
	ctx, cancel := context.WithCancel(t.Context())
	failed = listenOn(t, ctx, port)
	dial()
	cancel()
	requireAccepted(t, changed)
	_, err := failed.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)

	require.NoError(t, old.Close())
	require.NoError(t, old.Close(), "twice")
	dial()
	requireAccepted(t, changed)
	require.NoError(t, changed.Close())
	_, err = changed.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
	_, err = net.Dial("tcp", "127.0.0.1:"+port)
	assert.Error(t, err)
	assert.Empty(t, process.byAddress)
}

// waiting is a listener on which one connection waits.
type waiting struct {
	net.Listener
	connections chan net.Conn
}

func (w waiting) Accept() (net.Conn, error) {
	if conn, ok := <-w.connections; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (w waiting) Close() error { close(w.connections); return nil }

// A connection that waits before the first listener exists goes to that listener. If the
// socket accepted before it had a listener, about one in a few hundred would be closed.
func TestConnectionBeforeFirstListenerIsKept(t *testing.T) {
	all := &sockets{byAddress: make(map[string]*socket)}
	for i := range 20000 {
		client, server := net.Pipe()
		tcp := waiting{connections: make(chan net.Conn, 1)}
		tcp.connections <- server
		first := all.begin(t.Context(), tcp, "", nil)
		_ = client.SetReadDeadline(time.Now())
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d: %v", i, err)
		}
		first.Close()
		client.Close()
	}
}

func TestHandoverRefused(t *testing.T) {
	_, err := listen(t.Context(), network, "127.0.0.1", "http", 0, net.ListenConfig{})
	assert.ErrorContains(t, err, "expected a port")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	_, err = listen(t.Context(), network, "127.0.0.1", port, 0, net.ListenConfig{})
	assert.ErrorContains(t, err, "address already in use")
}
