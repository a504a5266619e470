package handover

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// sockets are listened on by one config after the other, and by two of them while
// one takes over.
type sockets struct {
	mutex     sync.Mutex // of the sockets and of their listeners
	byAddress map[string]*socket
}

// listen returns the listener of ctx's config on the address. It gets its
// connections once it is ready.
func (s *sockets) listen(ctx context.Context, address string, config net.ListenConfig) (*listener, error) {
	servers := serversOf(ctx, address)
	if l := s.takeOver(ctx, address, servers); l != nil {
		return l, nil
	}
	return s.open(ctx, address, servers[address], config)
}

// open opens a socket and returns its first listener.
func (s *sockets) open(ctx context.Context, address string, server *caddyhttp.Server, config net.ListenConfig) (*listener, error) {
	tcp, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, tcp, address, server), nil
}

// begin accepts connections on a socket that was opened, for its first listener.
// The listener is there before them, since a connection without one would be closed.
func (s *sockets) begin(ctx context.Context, tcp net.Listener, address string, server *caddyhttp.Server) *listener {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	opened := &socket{all: s, tcp: tcp, address: address, changed: make(chan struct{})}
	s.byAddress[address] = opened
	first := opened.add(ctx, server)
	go opened.accept()
	return first
}

// takeOver returns the config's listener on the address, or nil if the socket is
// still to be opened.
//
// The first call for a config takes over all open sockets that it will ask for, so
// that they are ready together. Those that it then never asks for, because it
// could not start, go back with the others when ctx ends.
func (s *sockets) takeOver(ctx context.Context, address string, servers map[string]*caddyhttp.Server) *listener {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	wanted := s.byAddress[address]
	if wanted == nil {
		return nil
	}
	if newest := wanted.newest(); newest.isOf(servers[address]) {
		return newest
	}
	ready := time.Now().Add(grace)
	for address, server := range servers {
		if socket := s.byAddress[address]; socket != nil && !socket.newest().isOf(server) {
			socket.add(ctx, server).ready = ready
		}
	}
	return wanted.newest()
}

// isReplaced reports whether another config has taken over from the server.
func (s *sockets) isReplaced(server *caddyhttp.Server) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, socket := range s.byAddress {
		older := socket.listeners[:len(socket.listeners)-1]
		if slices.ContainsFunc(older, func(l *listener) bool { return l.isOf(server) }) {
			return true
		}
	}
	return false
}
