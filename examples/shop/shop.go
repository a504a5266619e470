// Package shop is an example of a checkout with PayerMax's Drop-In: one page, and a server that holds no key. It calls the
// sidecar, learns how payments end from notifications that payermax_notify has verified, and asks when none comes.
//
// Its orders are in memory. It needs the standard library only.
package shop

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The one thing that is sold. The price is the server's: a browser is never asked for it.
const (
	subject  = "Mug"
	price    = json.Number("12.50")
	currency = "USD"
	country  = "US"
)

//go:embed page.html page.css page.js
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// Config is what the shop needs to know of its surroundings.
type Config struct {
	// Sidecar is where the payermax handler is, such as http://127.0.0.1:8080.
	Sidecar string

	// NotifyURL is where PayerMax reaches payermax_notify, which passes on to Notifications.
	NotifyURL string

	// Component is the address of the Drop-In script: PayerMax's own, or the stand-in of a sandbox.
	Component string
}

// Shop is the server. Make one with New.
type Shop struct {
	config Config
	client *http.Client

	mu     sync.Mutex
	orders map[string]*order // by their number
}

// New returns a shop without orders.
func New(config Config) *Shop {
	return &Shop{
		config: config,
		// Longer than the sidecar's own timeout, or its answer is lost; without a proxy, since the sidecar is near.
		client: &http.Client{Timeout: 35 * time.Second, Transport: new(http.Transport)},
		orders: make(map[string]*order),
	}
}

// Buyers is what browsers see.
func (s *Shop) Buyers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showPage)
	mux.HandleFunc("GET /orders/{number}", s.showPage)
	mux.Handle("GET /page.css", http.FileServerFS(files))
	mux.Handle("GET /page.js", http.FileServerFS(files))
	mux.HandleFunc("POST /checkout", s.begin)
	mux.HandleFunc("POST /orders/{number}/payment", s.pay)
	mux.HandleFunc("GET /orders/{number}/state", s.showState)
	return http.NewCrossOriginProtection().Handler(mux) // no other site orders in a buyer's name
}

// Notifications is what payermax_notify passes on to. It is a handler of its own, to be served where only the sidecar
// gets: whoever reaches it is believed.
func (s *Shop) Notifications() http.Handler { return http.HandlerFunc(s.notified) }

// showPage shows the page, which is the checkout or an order by its address.
func (s *Shop) showPage(w http.ResponseWriter, _ *http.Request) {
	component, err := url.Parse(s.config.Component)
	if err != nil {
		http.Error(w, "the address of the Drop-In script is no URL", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "script-src 'self' "+component.Scheme+"://"+component.Host+
		"; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	_ = page.Execute(w, map[string]any{"Component": s.config.Component, "Subject": subject, "Price": price, "Currency": currency})
}

// reply answers the page's script.
func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // the buyer may have gone
}
