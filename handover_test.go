package payermax

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func handoverOn(t *testing.T, port string) net.Listener {
	t.Helper()
	l, err := listenHandover(t.Context(), handoverNetwork, "127.0.0.1", port, 0, net.ListenConfig{})
	require.NoError(t, err)
	return l.(net.Listener)
}

// accepted is the connection that a listener accepts, or nil if it gets none.
func accepted(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	connections := make(chan net.Conn, 1)
	go func() {
		if conn, err := l.Accept(); err == nil {
			connections <- conn
		}
	}()
	select {
	case conn := <-connections:
		t.Cleanup(func() { conn.Close() })
		return conn
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}

func TestHandover(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	require.NoError(t, err)
	require.NoError(t, free.Close())

	dial := func() {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	old := handoverOn(t, port)
	assert.Equal(t, "127.0.0.1:"+port, old.Addr().String())
	dial()
	first := accepted(t, old)
	require.NotNil(t, first)
	by := func(conn net.Conn) context.Context {
		return context.WithValue(t.Context(), handoverKey{}, conn.(*handoverConn).listener)
	}
	assert.False(t, willClose(by(first)))
	assert.False(t, willClose(t.Context()))

	// What comes before the new one accepts waits for it.
	began := time.Now()
	changed := handoverOn(t, port)
	assert.GreaterOrEqual(t, time.Since(began), handoverTime)
	assert.True(t, willClose(by(first)))
	dial()
	dial()
	assert.Nil(t, accepted(t, old))
	assert.NotNil(t, accepted(t, changed))
	assert.NotNil(t, accepted(t, changed))

	// A config that cannot start after all leaves everything as it was.
	failed := handoverOn(t, port)
	dial()
	require.NoError(t, failed.Close())
	second := accepted(t, changed)
	require.NotNil(t, second)
	assert.False(t, willClose(by(second)))

	require.NoError(t, old.Close())
	require.NoError(t, old.Close(), "twice")
	dial()
	assert.NotNil(t, accepted(t, changed))
	require.NoError(t, changed.Close())
	_, err = changed.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
	_, err = net.Dial("tcp", "127.0.0.1:"+port)
	assert.Error(t, err)
	assert.Empty(t, handovers.sockets)
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

// A connection that is there before the first listener is for it. With the two the
// other way round, one in some hundred is closed.
func TestHandoverFromTheFirst(t *testing.T) {
	for i := range 20000 {
		client, server := net.Pipe()
		listener := waiting{connections: make(chan net.Conn, 1)}
		listener.connections <- server
		_, first := newHandoverSocket(listener, "")
		_ = client.SetReadDeadline(time.Now())
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d: %v", i, err)
		}
		first.Close()
		client.Close()
	}
}

func TestHandoverRefused(t *testing.T) {
	_, err := listenHandover(t.Context(), handoverNetwork, "127.0.0.1", "http", 0, net.ListenConfig{})
	assert.ErrorContains(t, err, "expected a port")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	_, err = listenHandover(t.Context(), handoverNetwork, "127.0.0.1", port, 0, net.ListenConfig{})
	assert.ErrorContains(t, err, "address already in use")
}
