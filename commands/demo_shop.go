package commands

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/caddy-payermax/caddy-payermax/examples/shop"
)

// shopfront is the example shop of a demonstration: the server for buyers, and the one
// that payermax_notify passes notifications on to.
type shopfront struct {
	// gateway is the address of the sandbox.
	gateway string
	// buyers and callbacks listen from the beginning, to reserve their ports, and are served
	// once the sidecar runs.
	buyers, callbacks net.Listener
	// callbackPort is the port of payermax_notify. It is chosen when the sidecar starts.
	callbackPort int
	servers      []*http.Server
}

// openShop listens on the ports of the shop.
func (d *demo) openShop(gateway string) (s *shopfront, err error) {
	s = &shopfront{gateway: gateway}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.buyers, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return s, err
	}
	s.callbacks, err = net.Listen("tcp", "127.0.0.1:0")
	return s, err
}

// address returns the address of the shop for browsers.
func (s *shopfront) address() string { return s.buyers.Addr().String() }

// open starts to serve buyers and notifications.
func (s *shopfront) open(sidecar string) {
	front := shop.New(shop.Config{
		Sidecar:   "http://" + sidecar,
		NotifyURL: fmt.Sprintf("http://127.0.0.1:%d/payermax/callback", s.callbackPort),
		Component: "http://" + s.gateway + "/sandbox/dropin/pmdropin.js",
	})
	for listener, handler := range map[net.Listener]http.Handler{s.buyers: front.Buyers(), s.callbacks: front.Notifications()} {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		s.servers = append(s.servers, server)
		go func() { _ = server.Serve(listener) }() // until it is closed
	}
}

// close stops the shop.
func (s *shopfront) close() {
	for _, listener := range []net.Listener{s.buyers, s.callbacks} {
		if listener != nil {
			_ = listener.Close()
		}
	}
	for _, server := range s.servers {
		_ = server.Close()
	}
}
