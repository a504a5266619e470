// Package shop is an example of a checkout with PayerMax's Drop-In: one page, and a server that holds no key. It calls
// the sidecar, learns how payments end from notifications that payermax_notify has verified, and queries an order if no
// notification comes.
//
// It keeps its orders in memory and needs only the standard library.
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

// The only product. The server sets the price and never takes it from the browser.
const (
	subject  = "Mug"
	price    = json.Number("12.50")
	currency = "USD"
	country  = "US"
)

//go:embed page.html page.css page.js
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// Config is the environment of a shop.
type Config struct {
	// Sidecar is the URL of the payermax handler, such as http://127.0.0.1:8080.
	Sidecar string

	// NotifyURL is the URL at which PayerMax reaches payermax_notify, which passes notifications on to Notifications.
	NotifyURL string

	// Component is the URL of the Drop-In script: PayerMax's own, or a sandbox's stand-in.
	Component string
}

// Shop is the server. Create one with New.
type Shop struct {
	config Config
	client *http.Client

	mu     sync.Mutex
	orders map[string]*order // by number
}

// New returns a shop without orders.
func New(config Config) *Shop {
	return &Shop{
		config: config,
		// The timeout is longer than the sidecar's own, so that its answer is not lost. There is no proxy: the sidecar is on
		// the same machine.
		client: &http.Client{Timeout: 35 * time.Second, Transport: new(http.Transport)},
		orders: make(map[string]*order),
	}
}

// Buyers returns the handler for browsers.
func (s *Shop) Buyers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showPage)
	mux.HandleFunc("GET /orders/{number}", s.showPage)
	mux.Handle("GET /page.css", http.FileServerFS(files))
	mux.Handle("GET /page.js", http.FileServerFS(files))
	mux.HandleFunc("POST /checkout", s.begin)
	mux.HandleFunc("POST /orders/{number}/payment", s.pay)
	mux.HandleFunc("GET /orders/{number}/state", s.showState)
	return http.NewCrossOriginProtection().Handler(mux) // other sites cannot order on behalf of a buyer
}

// Notifications returns the handler that payermax_notify passes notifications on to. It must be served where only the
// sidecar can reach it, because it trusts every request.
func (s *Shop) Notifications() http.Handler { return http.HandlerFunc(s.notified) }

// showPage serves the page. Its URL says whether it shows the checkout or an order.
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
