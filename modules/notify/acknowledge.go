package notify

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// deliver passes a verified notification on to the application and reports
// whether the application has accepted it.
func (n *Handler) deliver(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, size int, memory *memory) (accepted bool, err error) {
	if n.Ack != ackAfter && n.guard == nil {
		return false, n.passOn(w, r, next, size)
	}
	received := &reply.Answer{Room: memory.hasRoom}
	isCut, err := hold(received, r, next)
	if err != nil {
		n.record("not_accepted", size, 0)
		return false, err // PayerMax gets an error status, and delivers again
	}
	switch {
	case n.Ack == ackAfter && received.IsSuccess() && !isCut:
		n.record("passed", size, received.Status)
		return true, acknowledge(w)
	case n.Ack == ackAfter || received.Status == 0 || received.TooLarge || isCut:
		n.record("not_accepted", size, received.Status)
		return false, tryAgain(w, received.Status)
	default:
		n.record("passed", size, received.Status)
		received.Send(w)
		return received.IsSuccess() && acknowledges(received), nil
	}
}

// hold has the application's answer held back, and reports whether its end is missing: a
// reverse proxy that cannot finish an answer aborts by a panic. Nothing of it has
// reached PayerMax yet, so PayerMax can still be told to deliver the notification again.
func hold(received *reply.Answer, r *http.Request, next caddyhttp.Handler) (isCut bool, err error) {
	defer func() {
		if cause := recover(); cause == http.ErrAbortHandler {
			isCut = true
		} else if cause != nil {
			panic(cause)
		}
	}()
	return false, next.ServeHTTP(received, r)
}

// passOn leaves the answer to the application. It sees to it that there is one:
// where no handler comes after this, Caddy would end in an empty 200.
func (n *Handler) passOn(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, size int) error {
	seen := reply.NewWitness(w)
	result := "not_accepted"
	defer func() { n.record(result, size, seen.Status()) }() // even if the proxy gives up and panics
	if err := next.ServeHTTP(seen, r); err != nil {
		return err
	}
	if seen.Status() == 0 {
		return tryAgain(seen, seen.Status())
	}
	result = "passed"
	return nil
}

// acknowledges reports whether PayerMax will take the answer for a receipt.
func acknowledges(a *reply.Answer) bool {
	said, err := a.Read(nil)
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
// status that is not an error becomes 503.
func tryAgain(w http.ResponseWriter, status int) error {
	if status < http.StatusBadRequest {
		status = http.StatusServiceUnavailable
	}
	refused := &reply.Refusal{
		Code: "NOTIFICATION_NOT_ACCEPTED", Msg: "the application has not accepted the notification; deliver it again",
		Status: status, ProxyError: "destination_unavailable",
	}
	refused.Answer().Send(w)
	return nil
}
