package handover

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// sockets holds the open sockets. Configs listen on them one after another, and two configs
// at once while one takes over.
type sockets struct {
	mutex     sync.Mutex // guards the sockets and their listeners
	byAddress map[string]*socket
}

// listen returns the listener of ctx's config on the address. The listener gets its
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

// begin accepts connections on an opened socket, for its first listener. The listener is
// added before the first connection is accepted, since a connection without a listener would
// be closed.
func (s *sockets) begin(ctx context.Context, tcp net.Listener, address string, server *caddyhttp.Server) *listener {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	opened := &socket{all: s, tcp: tcp, address: address, changed: make(chan struct{})}
	s.byAddress[address] = opened
	first := opened.add(ctx, server)
	go opened.accept()
	return first
}

// takeOver returns the config's listener on the address, or nil if the socket is not open
// yet.
//
// The first call for a config takes over all open sockets that the config will ask for, so
// that they are ready together. If the config cannot start and never asks for some of them,
// they go back with the others when ctx ends.
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
