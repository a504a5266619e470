// Package handover is a network for Caddy: TCP on which even a client that sends requests
// continuously does not notice a reload of the config. A server uses it with `bind
// handover/127.0.0.1`.
//
// On plain TCP, Caddy opens a second socket for the new config and closes the first, and with
// it the connections that wait there. Also, when net/http shuts down, it closes connections
// on which it has just read a request. Here both configs share one socket. First, the old
// config gets no more connections. Then it has a short grace period to read the requests in
// transit and to tell its clients, through [farewell.Announce], that the next request needs
// another connection. Then the new config takes over. If the new config cannot start after
// all, the old one continues.
package handover

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/farewell"
)

// network is the name of the network, as in `bind handover/127.0.0.1`.
const network = "handover"

// grace is how long the old config's servers have, when a new config takes over, to read the
// requests on their connections. It is granted once for each reload, however many sockets are
// handed over.
const grace = 200 * time.Millisecond

func init() {
	caddy.RegisterNetwork(network, listen)
	caddyhttp.RegisterNetworkHTTP3(network, "udp") // otherwise, a TLS server that allows HTTP/3 would not start
	farewell.Include(process.isReplaced)
}

// process holds the sockets of this process, whichever config opened them.
var process = &sockets{byAddress: make(map[string]*socket)}

// listen returns a listener. Caddy calls it for each address of the network.
func listen(ctx context.Context, _, host, portRange string, portOffset uint, config net.ListenConfig) (any, error) {
	port, err := strconv.ParseUint(portRange, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s: expected a port, but got %q", network, portRange)
	}
	address := net.JoinHostPort(host, strconv.FormatUint(port+uint64(portOffset), 10))
	l, err := process.listen(ctx, address, config)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Until(l.ready))
	return l, nil
}

// serversOf returns the HTTP servers of the config that ctx belongs to, by the addresses that
// they listen on. The given address is always in the map. Its server is nil if something else
// listens there, such as the admin endpoint.
func serversOf(ctx context.Context, address string) map[string]*caddyhttp.Server {
	servers := map[string]*caddyhttp.Server{address: nil}
	config, ok := ctx.(caddy.Context)
	if !ok {
		return servers
	}
	app, err := config.AppIfConfigured("http")
	if err != nil {
		return servers
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		for _, bound := range server.Listen {
			parsed, err := caddy.ParseNetworkAddress(bound)
			if err != nil || parsed.Network != network {
				continue
			}
			for port := range parsed.PortRangeSize() {
				servers[parsed.JoinHostPort(port)] = server
			}
		}
	}
	return servers
}
