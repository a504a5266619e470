// Command serve runs the example shop behind examples/drop-in.caddyfile and a sandbox:
//
//	go run ./examples/shop/serve
//
// Its environment variables, with defaults that match those of the Caddyfile:
//
//	SHOP_ADDRESS           where the shop listens for browsers; 127.0.0.1:4000
//	SHOP_CALLBACK_ADDRESS  where payermax_notify passes notifications on to (its PAYERMAX_APPLICATION); 127.0.0.1:3000
//	PAYERMAX_URL           the sidecar; http://127.0.0.1:8080
//	PAYERMAX_NOTIFY_URL    where PayerMax sends notifications; http://127.0.0.1:8082/payermax/callback
//	PAYERMAX_COMPONENT     the Drop-In script; http://127.0.0.1:9000/sandbox/dropin/pmdropin.js
package main

import (
	"cmp"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/caddy-payermax/caddy-payermax/examples/shop"
)

func main() {
	s := shop.New(shop.Config{
		Sidecar:   cmp.Or(os.Getenv("PAYERMAX_URL"), "http://127.0.0.1:8080"),
		NotifyURL: cmp.Or(os.Getenv("PAYERMAX_NOTIFY_URL"), "http://127.0.0.1:8082/payermax/callback"),
		Component: cmp.Or(os.Getenv("PAYERMAX_COMPONENT"), "http://127.0.0.1:9000/sandbox/dropin/pmdropin.js"),
	})
	ended := make(chan error)
	serve := func(address string, handler http.Handler) {
		server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		ended <- server.ListenAndServe()
	}
	address := cmp.Or(os.Getenv("SHOP_ADDRESS"), "127.0.0.1:4000")
	go serve(address, s.Buyers())
	go serve(cmp.Or(os.Getenv("SHOP_CALLBACK_ADDRESS"), "127.0.0.1:3000"), s.Notifications())
	log.Printf("the shop is at http://%s/", address)
	log.Fatal(<-ended)
}
