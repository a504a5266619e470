package payermax

import (
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// tooManyInFlight refuses a request that there is no memory for.
func tooManyInFlight() *reply.Refusal {
	f := reply.Denied(limitInFlight, http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"the sidecar has as many calls in flight as max_in_flight allows; nothing was sent, so it is safe to try again")
	f.Header = http.Header{"Retry-After": {"1"}}
	return f
}
