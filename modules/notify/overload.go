package notify

import (
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
)

// overload is the metric's result for a notification for which there is no memory.
const overload = "overload"

// overloaded refuses a notification for which there is no memory. PayerMax then delivers it
// again.
func overloaded() *refusal {
	return &refusal{http.StatusServiceUnavailable, overload,
		"the sidecar has too many requests in flight for its memory; deliver the notification again"}
}

// turnAway refuses a notification without reading its body.
func (n *Handler) turnAway(w http.ResponseWriter, r *http.Request) {
	refused := overloaded()
	n.record(refused.result, 0, refused.status)
	answer := refused.answer()
	if !inflight.Discard(w, r) {
		answer.Header().Set("Connection", "close")
	}
	answer.Send(w)
}
