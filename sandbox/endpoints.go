package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// endpoint is one of PayerMax's interfaces.
type endpoint struct {
	// versions are those the interface was ever documented with; nil leaves the version alone.
	versions []string

	// serve judges the data of a verified request of one of these versions and returns the data of the answer.
	serve func(*request) (any, *refusal)
}

// endpoints are the interfaces that the gateway simulates, by the last element of their path. The versions are those of
// PayerMax's OpenAPI file and of the interface pages, current and older ones.
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

// lookup finds one of PayerMax's interfaces, whether it is simulated or not.
func lookup(name string) (endpoint, bool) {
	if ep, simulated := endpoints[name]; simulated {
		return ep, true
	}
	return endpoint{serve: notSimulated(name)}, slices.Contains(unsimulated, name)
}

// request is a verified request, and what it is served with.
type request struct {
	gateway  *Gateway
	world    *world
	merchant Merchant
	env      envelope
	data     object
	faults   faults

	deviations *deviations

	// base is where a browser reaches the gateway.
	base string
}

// base returns where a buyer's browser reaches the gateway, without a slash at the end.
func (g *Gateway) base(r *http.Request) string {
	if g.BaseURL != "" {
		return strings.TrimSuffix(g.BaseURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// formatTime writes a time as PayerMax's examples have it in data ("2023-10-20T03:28:23.092Z").
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
