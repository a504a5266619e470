package payermax

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// deliver passes a verified notification on to the application and reports
// whether the application has accepted it.
func (n *Notify) deliver(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, size int) (accepted bool, err error) {
	if n.Ack != ackAfter && n.seen == nil {
		return false, n.passOn(w, r, next, size)
	}
	received := &answer{header: make(http.Header)}
	if err := next.ServeHTTP(received, r); err != nil {
		n.record("not_accepted", size, 0)
		return false, err // PayerMax gets an error status, and delivers again
	}
	switch {
	case n.Ack == ackAfter && received.isSuccess():
		n.record("passed", size, received.status)
		return true, acknowledge(w)
	case n.Ack == ackAfter || received.status == 0 || received.tooLarge:
		n.record("not_accepted", size, received.status)
		return false, tryAgain(w, received.status)
	default:
		n.record("passed", size, received.status)
		received.write(w)
		return received.isSuccess() && received.acknowledges(), nil
	}
}

// passOn leaves the answer to the application. It sees to it that there is one:
// where no handler comes after this, Caddy would end in an empty 200.
func (n *Notify) passOn(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, size int) error {
	seen := newWitness(w)
	result := "not_accepted"
	defer func() { n.record(result, size, seen.status) }() // even if the proxy gives up and panics
	if err := next.ServeHTTP(seen, r); err != nil {
		return err
	}
	if seen.status == 0 {
		return tryAgain(seen, seen.status)
	}
	result = "passed"
	return nil
}

// isSuccess reports whether the application answered with a 2xx.
func (a *answer) isSuccess() bool { return a.status >= 200 && a.status < 300 && !a.tooLarge }

// acknowledges reports whether PayerMax will take the answer for a receipt.
func (a *answer) acknowledges() bool {
	said, err := a.read(nil)
	return err == nil && said.Code == "SUCCESS"
}

// acknowledge tells PayerMax that the notification has arrived.
func acknowledge(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err := io.WriteString(w, acknowledgement)
	return err
}

// tryAgain tells PayerMax to deliver the notification again. An application's
// status that is no error becomes one.
func tryAgain(w http.ResponseWriter, status int) error {
	if status < http.StatusBadRequest {
		status = http.StatusServiceUnavailable
	}
	refused := &refusal{
		Code: "NOTIFICATION_NOT_ACCEPTED", Msg: "the application has not accepted the notification; deliver it again",
		status: status, proxyError: "destination_unavailable",
	}
	refused.answer().write(w)
	return nil
}
