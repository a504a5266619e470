package e2e

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is the network path to a gateway. It forwards connections until it dies silently, as a
// network does.
type wire struct {
	listener net.Listener
	target   atomic.Pointer[string]
	opened   atomic.Int32

	mu   sync.Mutex
	dead chan struct{} // closed when the current connections are dead
	wait sync.WaitGroup
}

// newWire returns a wire to an address.
func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", anyPort)
	require.NoError(t, err)
	w := &wire{listener: listener, dead: make(chan struct{})}
	w.target.Store(&target)
	w.wait.Go(w.accept)
	t.Cleanup(func() {
		listener.Close()
		w.wait.Wait()
	})
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

// leadsTo sets the target of future connections.
func (w *wire) leadsTo(target string) { w.target.Store(&target) }

// die makes the current connections forward nothing more. They stay open, and later connections
// work as before.
func (w *wire) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.dead)
	w.dead = make(chan struct{})
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.opened.Add(1)
		w.mu.Lock()
		dead := w.dead
		w.mu.Unlock()
		server, err := net.Dial("tcp", *w.target.Load())
		if err != nil {
			client.Close()
			continue
		}
		w.wait.Go(func() { pass(client, server, dead) })
		w.wait.Go(func() { pass(server, client, dead) })
	}
}

// pass forwards what arrives until the wire is dead, and then drops it. When one side closes, so
// does the other, so that a test leaves nothing open.
func pass(from, to net.Conn, dead <-chan struct{}) {
	defer to.Close()
	defer from.Close()
	for buffer := make([]byte, 4096); ; {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-dead:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
			_, _ = to.Write(buffer[:n])
		}
	}
}
