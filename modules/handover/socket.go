package handover

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// socket accepts connections for its newest listener. The caller of a method that does not
// lock the mutex of all sockets must hold that mutex.
type socket struct {
	all     *sockets
	tcp     net.Listener
	address string

	listeners []*listener   // the newest is last; not empty as long as the socket is open
	changed   chan struct{} // closed when listeners changes
}

// newest returns the listener that gets the connections.
func (s *socket) newest() *listener { return s.listeners[len(s.listeners)-1] }

// add adds a listener, which becomes the newest. It ends with its config at the latest, so
// that a config that could not start gives the socket back at once.
func (s *socket) add(ctx context.Context, server *caddyhttp.Server) *listener {
	l := &listener{socket: s, server: server, connections: make(chan net.Conn), closed: make(chan struct{})}
	s.listeners = append(s.listeners, l)
	s.announceChange()
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return l
}

// announceChange makes the accepting goroutine look at the listeners again.
func (s *socket) announceChange() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// accept passes connections on until the last listener is closed.
func (s *socket) accept() {
	for {
		conn, err := s.tcp.Accept()
		if err == nil {
			s.passOn(conn)
			continue
		}
		if newest, _ := s.receiver(); newest == nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // out of file descriptors, for example
	}
}

// passOn gives a connection to the newest listener.
func (s *socket) passOn(conn net.Conn) {
	for {
		newest, changed := s.receiver()
		if newest == nil {
			conn.Close()
			return
		}
		select {
		case newest.connections <- conn:
			return
		case <-changed:
		}
	}
}

// receiver returns the listener that gets the connections, or nil if the socket is closed.
// The returned channel is closed when the listeners change. It locks the mutex.
func (s *socket) receiver() (l *listener, changed chan struct{}) {
	s.all.mutex.Lock()
	defer s.all.mutex.Unlock()
	if len(s.listeners) == 0 {
		return nil, s.changed
	}
	return s.newest(), s.changed
}

// remove removes a listener, and closes the socket with the last one. It locks the mutex.
func (s *socket) remove(l *listener) error {
	s.all.mutex.Lock()
	defer s.all.mutex.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(other *listener) bool { return other == l })
	s.announceChange()
	if len(s.listeners) > 0 {
		return nil
	}
	delete(s.all.byAddress, s.address)
	return s.tcp.Close()
}
