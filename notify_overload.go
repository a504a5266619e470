package payermax

import "net/http"

// turnAway refuses a notification that there is no memory for. PayerMax delivers it
// again.
func (n *Notify) turnAway(w http.ResponseWriter, r *http.Request) error {
	n.record(notifyOverload, 0, http.StatusServiceUnavailable)
	refused := &refusal{
		Code: "NOTIFICATION_REFUSED", Msg: "the sidecar has as many requests in flight as its memory allows; deliver the notification again",
		status: http.StatusServiceUnavailable, proxyError: "http_request_denied",
		header: http.Header{"Retry-After": {"1"}},
	}
	answer := refused.answer()
	if !discard(w, r) {
		answer.header.Set("Connection", "close")
	}
	answer.write(w)
	return nil
}

// notifyOverload is what the metric calls that.
const notifyOverload = "overload"
