package handover

import (
	"net"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// listener is one config's listener on a socket. It is identified by its server, which
// belongs to one config only. Its connections cannot identify it, since Caddy wraps them in
// many ways before the server sees them.
type listener struct {
	socket *socket
	server *caddyhttp.Server // nil for the admin endpoint, for example
	ready  time.Time         // when the previous config's grace period is over

	connections chan net.Conn
	closed      chan struct{}
	closing     sync.Once
}

// isOf reports whether the listener belongs to the server.
func (l *listener) isOf(server *caddyhttp.Server) bool {
	return server != nil && l.server == server
}

// Accept returns a connection, as long as the listener's config is the newest one.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.connections:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener.
func (l *listener) Close() (err error) {
	l.closing.Do(func() {
		close(l.closed)
		err = l.socket.remove(l)
	})
	return err
}

// Addr returns the address that is listened on.
func (l *listener) Addr() net.Addr { return l.socket.tcp.Addr() }
