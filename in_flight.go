package payermax

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// place is a call's share of the memory that is available for calls.
type place struct {
	taken bool
	// growth is the additional share that a large answer takes.
	growth inflight.Growth
}

// leave returns the call's share.
func (p *place) leave() {
	if p.taken {
		inflight.Process.Leave()
	}
	p.growth.Release()
}

// takePlace takes a place for the call, or refuses the call if none is free.
func (h *Handler) takePlace(c *call, w http.ResponseWriter, r *http.Request) error {
	c.place.taken = inflight.Process.Enter(h.MaxInFlight)
	if c.place.taken {
		return nil
	}
	if inflight.Discard(w, r) {
		c.bodyRead = time.Now()
	}
	return h.tooManyInFlight()
}

// The limits of the process, as labels of the metric limit_refusals_total.
const (
	limitOverload = "overload"
	limitInFlight = "in_flight"
)

// tooManyInFlight refuses a request for which there is no memory.
func (h *Handler) tooManyInFlight() *reply.Refusal {
	f := reply.Denied(limitInFlight, fmt.Sprintf("max_in_flight %d", h.MaxInFlight), http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"too many calls are in flight (max_in_flight); nothing was sent, so it is safe to try again")
	f.Header = http.Header{"Retry-After": {"1"}}
	return f
}

// overloaded refuses a request that could not be signed in time.
func (h *Handler) overloaded() *reply.Refusal {
	f := reply.Denied(limitOverload, fmt.Sprintf("max_wait %v", time.Duration(h.MaxWait)), http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"the sidecar is overloaded: requests arrive faster than it can sign them; nothing was sent, so it is safe to try again")
	f.Header = http.Header{"Retry-After": {"1"}}
	return f
}
