package commands

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/caddy-payermax/caddy-payermax/examples/shop"
)

// shopfront is the example shop of a demonstration: what buyers see, and what
// payermax_notify passes notifications on to.
type shopfront struct {
	// gateway is where the sandbox is.
	gateway string
	// buyers and callbacks listen from the beginning, so that their ports are
	// theirs, and are answered once the sidecar is there.
	buyers, callbacks net.Listener
	// callbackPort is where payermax_notify listens.
	callbackPort int
	servers      []*http.Server
}

// openShop finds the ports of the shop.
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
	if s.callbacks, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return s, err
	}
	s.callbackPort, err = freePort()
	return s, err
}

// address is where a browser finds the shop.
func (s *shopfront) address() string { return s.buyers.Addr().String() }

// open lets buyers in.
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

// close ends it.
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
