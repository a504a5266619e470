package notify

import (
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// turnAway refuses a notification that there is no memory for. PayerMax delivers it
// again.
func (n *Handler) turnAway(w http.ResponseWriter, r *http.Request) error {
	n.record(overload, 0, http.StatusServiceUnavailable)
	refused := &reply.Refusal{
		Code: "NOTIFICATION_REFUSED", Msg: "the sidecar has as many requests in flight as its memory allows; deliver the notification again",
		Status: http.StatusServiceUnavailable, ProxyError: "http_request_denied",
		Header: http.Header{"Retry-After": {"1"}},
	}
	answer := refused.Answer()
	if !inflight.Discard(w, r) {
		answer.Header().Set("Connection", "close")
	}
	answer.Send(w)
	return nil
}

// overload is what the metric calls that.
const overload = "overload"
