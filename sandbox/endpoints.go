package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// endpoint is one of PayerMax's interfaces.
type endpoint struct {
	// versions are all versions that the interface was ever documented with; nil accepts any version.
	versions []string

	// serve processes the data of a verified request of one of these versions and returns the data of the answer.
	serve func(*request) (any, *refusal)
}

// endpoints are the interfaces that the gateway simulates, by the last element of their path. The versions are from
// PayerMax's OpenAPI file and from the interface pages, both current and older.
var endpoints = map[string]endpoint{
	"applyDropinSession":  {versions: []string{"1.1", "1.4", "1.5", "1.6"}, serve: applyDropinSession},
	"orderAndPay":         {versions: []string{"1.1", "1.4", "1.5"}, serve: orderAndPay},
	"orderQuery":          {versions: []string{"1.4", "1.5"}, serve: orderQuery},
	"capture":             {versions: []string{"1.4"}, serve: captureOrder},
	"cancel":              {versions: []string{"1.4"}, serve: cancelOrder},
	"refund":              {versions: []string{"1.1", "1.4"}, serve: refundOrder},
	"refundQuery":         {versions: []string{"1.4"}, serve: refundQuery},
	"inquirePaymentToken": {versions: []string{"1.2", "1.5"}, serve: inquirePaymentToken},
	"removePaymentToken":  {versions: []string{"1.2"}, serve: removePaymentToken},
}

// lookup finds one of PayerMax's interfaces, simulated or not.
func lookup(name string) (endpoint, bool) {
	if ep, simulated := endpoints[name]; simulated {
		return ep, true
	}
	return endpoint{serve: notSimulated(name)}, slices.Contains(unsimulated, name)
}

// request is a verified request, with what is needed to serve it.
type request struct {
	gateway  *Gateway
	world    *world
	merchant Merchant
	env      envelope
	data     object
	faults   faults

	deviations *deviations

	// base is the URL at which a browser reaches the gateway, without a trailing slash.
	base string
}

// base returns the URL at which a buyer's browser reaches the gateway, without a trailing slash.
func (g *Gateway) base(r *http.Request) string {
	if g.BaseURL != "" {
		return strings.TrimSuffix(g.BaseURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// formatTime formats a time as in the data of PayerMax's examples ("2023-10-20T03:28:23.092Z").
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
