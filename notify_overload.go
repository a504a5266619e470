package payermax

import (
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// turnAway refuses a notification that there is no memory for. PayerMax delivers it
// again.
func (n *Notify) turnAway(w http.ResponseWriter, r *http.Request) error {
	n.record(notifyOverload, 0, http.StatusServiceUnavailable)
	refused := &reply.Refusal{
		Code: "NOTIFICATION_REFUSED", Msg: "the sidecar has as many requests in flight as its memory allows; deliver the notification again",
		Status: http.StatusServiceUnavailable, ProxyError: "http_request_denied",
		Header: http.Header{"Retry-After": {"1"}},
	}
	answer := refused.Answer()
	if !discard(w, r) {
		answer.Header().Set("Connection", "close")
	}
	answer.Send(w)
	return nil
}

// notifyOverload is what the metric calls that.
const notifyOverload = "overload"
