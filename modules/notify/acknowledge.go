package notify

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// deliver passes a verified notification on to the application and reports
// whether the application has accepted it.
func (n *Handler) deliver(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, size int, memory *memory) (accepted bool, err error) {
	if n.Ack != ackAfter && n.guard == nil {
		return false, n.passOn(w, r, next, size)
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // the answer is read here
	received := &reply.Answer{Room: memory.hasRoom}
	isCut, err := hold(received, r, next)
	if err != nil {
		n.record("not_accepted", size, 0, whyOf(err)...)
		noteLogged(r.Context())
		return false, err // PayerMax gets an error status, and delivers again
	}
	if lacking := n.lacks(received, isCut); lacking != nil {
		n.record("not_accepted", size, received.Status, lacking...)
		tryAgain(w, received.Status)
		return false, nil
	}
	n.record("passed", size, received.Status)
	if n.Ack == ackAfter {
		acknowledge(w)
		return true, nil
	}
	received.Send(w)
	return received.IsSuccess() && acknowledges(received), nil
}

// lacks returns why an application's answer cannot go back, or cannot become the
// acknowledgement. It returns nil if it can.
func (n *Handler) lacks(received *reply.Answer, isCut bool) []zap.Field {
	switch {
	case isCut:
		return why(incomplete, "the application's answer is incomplete")
	case received.TooLarge:
		return why(tooLarge, "the application's answer is larger than 1 MiB, or than the available memory")
	case received.Status == 0:
		return why(unavailable, "no handler behind payermax_notify answered")
	case n.Ack != ackAfter:
		return nil
	case !received.IsSuccess():
		return why(unavailable, "the application answered with a status other than 2xx")
	case isObscure(received):
		return why(unavailable, "the application answered with status 2xx, but its body may say that it refuses: it is compressed, or has a code and is not JSON; it may omit the body, or write "+acknowledgement+" and nothing else")
	case refuses(received):
		return why(unavailable, "the application answered with status 2xx, but with a code other than SUCCESS or a bizCode other than 0000 in its body; it may omit the body, or write "+acknowledgement)
	}
	return nil
}

// writesCode matches a code in a body that is not JSON: in any quotes or without them, as
// Python and JavaScript show an object.
var writesCode = regexp.MustCompile(`(?is)\{(.*,)?\s*["']?(biz[\s_-]*)?code["']?\s*:`)

// isObscure reports whether a body cannot be read, but may say that the application refuses:
// it is compressed, or it has a code and is not JSON. A PHP page can print a warning before
// its object, a framework can append a comment, and a program that fails can cut it short.
func isObscure(received *reply.Answer) bool {
	if protocol.IsCoded(received.Header()) {
		return true
	}
	said := saidIn(received.Body)
	return !json.Valid(said) && writesCode.Match(bytes.ReplaceAll(said, []byte{0}, nil)) // or in UTF-16
}

// saidIn returns what a body says: without a byte order mark and, if an object was encoded
// twice, the inner text.
func saidIn(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	var inner string
	if json.Unmarshal(body, &inner) == nil && inner != "" {
		return []byte(inner)
	}
	return body
}

// refuses reports whether an application that answers with a 2xx says in its body that it has
// not accepted the notification. Applications written for PayerMax do so, because PayerMax
// looks at the code and not at the status. bizCode is the code of PayerMax's older API, and
// its OpenAPI file (api.json of payermax-server-sdk, March 2026) still uses it to refuse a
// payout's notification. A body that cannot be read may be a refusal. So may one that has its
// code twice, or has a member that a parser could take for the code: parsers differ in which
// one they read.
func refuses(received *reply.Answer) bool {
	codes, bizCodes := codesOf(saidIn(received.Body))
	saysOther := func(values []any, accepts string) bool {
		return slices.ContainsFunc(values, func(value any) bool {
			return value != nil && value != accepts || !reflect.DeepEqual(value, values[0])
		})
	}
	hasCode := len(codes) > 0 && codes[0] != nil
	return saysOther(codes, "SUCCESS") || !hasCode && saysOther(bizCodes, "0000")
}

// codesOf returns the values of all members of a JSON object that a parser could take for its
// code, and for its bizCode. Anything other than an object has none.
func codesOf(body []byte) (codes, bizCodes []any) {
	if !json.Valid(body) {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // some numbers fit into no float64
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, nil
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, nil
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, nil
		}
		switch lookalike.Fold(name.(string)) {
		case lookalike.Fold("code"):
			codes = append(codes, value)
		case lookalike.Fold("bizCode"):
			bizCodes = append(bizCodes, value)
		}
	}
	return codes, bizCodes
}

// hold holds back the application's answer, and reports whether its end is missing: a reverse
// proxy that cannot finish an answer aborts with a panic. None of the answer has reached
// PayerMax yet, so PayerMax can still be told to deliver the notification again.
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

// passOn leaves the answer to the application. It makes sure that there is one: if no handler
// follows this one, Caddy would end in an empty 200.
func (n *Handler) passOn(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, size int) error {
	seen := reply.NewWitness(w)
	result, reason := "not_accepted", why(incomplete, "the application's answer is incomplete")
	defer func() { n.record(result, size, seen.Status(), reason...) }() // even if the proxy gives up and panics
	if err := next.ServeHTTP(seen, r); err != nil {
		reason = whyOf(err)
		noteLogged(r.Context())
		return err
	}
	if seen.Status() == 0 {
		reason = why(unavailable, "no handler behind payermax_notify answered")
		tryAgain(w, http.StatusServiceUnavailable)
		return nil
	}
	result, reason = "passed", nil
	return nil
}

// acknowledges reports whether PayerMax will accept the answer as a receipt.
func acknowledges(a *reply.Answer) bool {
	said, err := a.Read(nil)
	return err == nil && said.Code == "SUCCESS"
}

// acknowledge tells PayerMax that the notification has arrived.
func acknowledge(w http.ResponseWriter) {
	receipt := &reply.Answer{Status: http.StatusOK, Body: []byte(acknowledgement)}
	receipt.Header().Set("Content-Type", "application/json")
	receipt.Send(w)
}

// tryAgain tells PayerMax to deliver the notification again. An application's
// status that is not an error becomes 503.
func tryAgain(w http.ResponseWriter, status int) {
	if status < http.StatusBadRequest {
		status = http.StatusServiceUnavailable
	}
	refused := &reply.Refusal{
		Code: "NOTIFICATION_NOT_ACCEPTED", Msg: "the application has not accepted the notification; deliver it again",
		Status: status, ProxyError: "destination_unavailable",
	}
	refused.Answer().Send(w)
}
