package payermax

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// handoverNetwork is the name of the network, as in `bind handover/127.0.0.1`.
const handoverNetwork = "handover"

func init() {
	caddy.RegisterNetwork(handoverNetwork, listenHandover)
}

// handoverTime is what the old config's server is given, when a new config takes
// over, to read the requests on the connections that it has, and to tell their
// clients that the next one will need another connection.
const handoverTime = 200 * time.Millisecond

// handovers are the sockets that are listened on, by address.
var handovers = struct {
	sync.Mutex
	sockets map[string]*handoverSocket
}{sockets: make(map[string]*handoverSocket)}

// listenHandover is TCP on which a reload of the config loses no request. On
// plain TCP, Caddy opens a second socket for the new config and closes the first,
// and with it the connections that wait there; and net/http, when it shuts down,
// closes connections on which it has just read a request. Here both configs share
// one socket: first the old one gets no more connections, then it has the time to
// read what is on its way, then the new one takes over. If the new one cannot
// start after all, the old one goes on.
func listenHandover(ctx context.Context, _, host, portRange string, portOffset uint, config net.ListenConfig) (any, error) {
	port, err := strconv.ParseUint(portRange, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s: expected a port, but got %q", handoverNetwork, portRange)
	}
	address := net.JoinHostPort(host, strconv.FormatUint(port+uint64(portOffset), 10))

	handovers.Lock()
	defer handovers.Unlock()
	if socket := handovers.sockets[address]; socket != nil {
		return socket.handOver(), nil
	}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	socket, first := newHandoverSocket(listener, address)
	handovers.sockets[address] = socket
	return first, nil
}

// handoverSocket accepts connections for the newest of its listeners.
type handoverSocket struct {
	listener net.Listener
	address  string

	mutex   sync.Mutex
	users   []*handoverListener // the newest last
	changed chan struct{}       // closed when users changes
}

// newHandoverSocket begins to accept connections, for the first listener. It is
// there before that, since a connection that is for nobody would be closed.
func newHandoverSocket(listener net.Listener, address string) (*handoverSocket, *handoverListener) {
	s := &handoverSocket{listener: listener, address: address, changed: make(chan struct{})}
	first := s.add()
	go s.accept()
	return s, first
}

// handOver returns a new listener, which gets all connections from now on. It
// returns after handoverTime.
func (s *handoverSocket) handOver() *handoverListener {
	l := s.add()
	time.Sleep(handoverTime)
	return l
}

// add adds a listener, which is the newest now.
func (s *handoverSocket) add() *handoverListener {
	l := &handoverListener{socket: s, connections: make(chan net.Conn), closed: make(chan struct{})}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users = append(s.users, l)
	s.notify()
	return l
}

// notify tells the accepting goroutine that users has changed.
func (s *handoverSocket) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// newest returns the listener that connections are for, or nil if there is none
// any more, and what is closed when that changes.
func (s *handoverSocket) newest() (l *handoverListener, changed chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.users) > 0 {
		l = s.users[len(s.users)-1]
	}
	return l, s.changed
}

// accept passes connections on until the last listener is closed.
func (s *handoverSocket) accept() {
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			s.passOn(conn)
			continue
		}
		if newest, _ := s.newest(); newest == nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // out of files, for example
	}
}

// passOn gives a connection to the newest listener.
func (s *handoverSocket) passOn(conn net.Conn) {
	for {
		newest, changed := s.newest()
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

// remove takes a listener away, and closes the socket with the last one.
func (s *handoverSocket) remove(l *handoverListener) error {
	handovers.Lock()
	defer handovers.Unlock()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users = slices.DeleteFunc(s.users, func(user *handoverListener) bool { return user == l })
	s.notify()
	if len(s.users) > 0 {
		return nil
	}
	delete(handovers.sockets, s.address)
	return s.listener.Close()
}

// handoverListener is one config's listener.
type handoverListener struct {
	socket      *handoverSocket
	connections chan net.Conn
	closed      chan struct{}
	closing     sync.Once
}

// Accept returns a connection, as long as the config is the newest one.
func (l *handoverListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.connections:
		return &handoverConn{conn, l}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener.
func (l *handoverListener) Close() (err error) {
	l.closing.Do(func() {
		close(l.closed)
		err = l.socket.remove(l)
	})
	return err
}

// Addr is the address that is listened on.
func (l *handoverListener) Addr() net.Addr { return l.socket.listener.Addr() }

// handoverConn knows which listener it came by.
type handoverConn struct {
	net.Conn
	listener *handoverListener
}

// handoverKey is the context key of the listener that a request came by.
type handoverKey struct{}

// rememberListener has the server that a handler is provisioned for tell the
// listener of each request.
func rememberListener(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return // not in a server, as in tests
	}
	server.RegisterConnContext(func(ctx context.Context, conn net.Conn) context.Context {
		if c, ok := conn.(*handoverConn); ok {
			return context.WithValue(ctx, handoverKey{}, c.listener)
		}
		return ctx
	})
}

// willClose reports whether another config has taken over the socket that the
// request came by. Its connection will be closed soon, and the client had better
// know before it sends the next request on it.
func willClose(ctx context.Context) bool {
	listener, ok := ctx.Value(handoverKey{}).(*handoverListener)
	if !ok {
		return false
	}
	newest, _ := listener.socket.newest()
	return newest != listener
}
