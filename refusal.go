package payermax

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// outcome is how a request ended, in one word for logs and placeholders.
type outcome string

const (
	outcomeAnswered   outcome = "answered"   // by the gateway
	outcomeRefused    outcome = "refused"    // by the sidecar, before anything was sent
	outcomeNotSent    outcome = "not_sent"   // the gateway could not be reached
	outcomeUnsigned   outcome = "unsigned"   // by a refusal that PayerMax has not signed, written anew
	outcomeUnknown    outcome = "unknown"    // sent, but PayerMax's answer did not arrive
	outcomeUnverified outcome = "unverified" // the answer is not verifiably PayerMax's, to this call
)

// refusal is an answer of the sidecar's own. Its exported fields are the body
// that the application gets: PayerMax's shape, with details.
//
// It never holds a key, a signature, a value from the request or an address of
// the gateway's.
type refusal struct {
	Code   string               `json:"code"`
	Msg    string               `json:"msg"`
	Errors []validate.Violation `json:"errors,omitempty"`

	status int
	// proxyError is an error type of RFC 9209, section 2.3.
	proxyError string
	outcome    outcome
	// received is the status of the answer that this one takes the place of, or 0.
	received int
	header   http.Header
	// limit is the one that refuses, as the metric names it, or "".
	limit string
	// cause is for the log alone.
	cause error
}

// Error returns the message.
func (f *refusal) Error() string { return f.Msg }

// Unwrap returns what caused the refusal, if it was an error.
func (f *refusal) Unwrap() error { return f.cause }

// label is the error type as the metrics have it, or "" if there is no refusal.
func (f *refusal) label() string {
	if f == nil {
		return ""
	}
	return knownProxyError(f.proxyError)
}

// asRefusal returns the refusal that err is. An error that is none is the
// sidecar's own failure, before anything was sent.
func asRefusal(err error) *refusal {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused
	}
	return &refusal{
		Code: "SYSTEM_ERROR", Msg: "the sidecar could not handle the request; nothing was sent",
		status: http.StatusInternalServerError, proxyError: "proxy_internal_error", outcome: outcomeNotSent, cause: err,
	}
}

// neverLeft reports whether it is certain that nothing of the call was sent. Where
// there is no refusal, there was an answer.
func (f *refusal) neverLeft() bool {
	return f != nil && (f.outcome == outcomeRefused || f.outcome == outcomeNotSent)
}

// answer renders the refusal for the application.
func (f *refusal) answer() *answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		// Three fields of plain text always encode.
		panic(fmt.Sprintf("encoding a refusal: %v", err))
	}

	header := ownHeader(f.proxyStatus())
	for field, values := range f.header {
		header[field] = values
	}
	return &answer{status: f.status, header: header, body: body.Bytes()}
}

// proxyStatus says that this answer is the sidecar's, and why (RFC 9209).
func (f *refusal) proxyStatus() string {
	received := ""
	if f.received != 0 {
		received = fmt.Sprintf("; received-status=%d", f.received)
	}
	return fmt.Sprintf("%s; error=%s%s; details=%q", protocol.SidecarName, f.proxyError, received, f.Code)
}

// clientError makes a refusal of a request that must be changed before it is
// sent again.
func clientError(status int, code, msg string) *refusal {
	return &refusal{
		Code: code, Msg: msg,
		status: status, proxyError: "http_request_error", outcome: outcomeRefused,
	}
}

// notServed refuses a path, and tells an endpoint that is not enabled from one
// that does not exist.
func notServed(u *url.URL) *refusal {
	name, _ := strings.CutPrefix(u.Path, protocol.PathPrefix)
	if e, ok := protocol.Lookup(name); ok && u.RawPath == "" && u.Path == e.Path() {
		return denied(limitEndpoint, http.StatusForbidden, "ENDPOINT_NOT_ENABLED",
			name+" is not enabled in this sidecar; the operator can enable it with the option endpoints")
	}
	return clientError(http.StatusNotFound, "NOT_FOUND",
		"there is no such endpoint; check the path, to the letter, such as "+protocol.PathPrefix+protocol.SessionEndpoint)
}

func methodNotAllowed() *refusal {
	f := clientError(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED",
		"PayerMax's API is POST only; send the request as POST")
	f.header = http.Header{"Allow": {http.MethodPost}}
	return f
}

// loopDetected refuses what the sidecar itself has sent: the gateway is this
// sidecar, by mistake or through another proxy, and the call would go round for
// as long as its time lasts.
func loopDetected() *refusal {
	f := clientError(http.StatusLoopDetected, protocol.CodeLoopDetected,
		"the request comes from a sidecar; gateway must not lead back to one")
	f.proxyError = "proxy_loop_detected"
	return f
}

func unsupportedMediaType(msg string) *refusal {
	return clientError(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", msg)
}

func tooLarge(limit int64) *refusal {
	return clientError(http.StatusRequestEntityTooLarge, "CONTENT_TOO_LARGE",
		fmt.Sprintf("the body is larger than the %d bytes that max_body_size allows", limit))
}

func badRequest(msg string) *refusal {
	return clientError(http.StatusBadRequest, "PARAMS_INVALID", msg)
}

// invalid refuses a body that breaks rules, with all of them.
func invalid(violations []validate.Violation) *refusal {
	msg := violations[0].Message
	if more := len(violations) - 1; more > 0 {
		msg = fmt.Sprintf("%s (and %d more, see errors)", msg, more)
	}
	f := badRequest(msg)
	f.Errors = violations
	return f
}

// signingFailed refuses a request because of the key, not of the request. A key
// that lives elsewhere may know when to try again.
func signingFailed(err error) *refusal {
	if errors.Is(err, errOverloaded) {
		return overloaded()
	}
	seconds := 1
	var unavailable interface{ RetryAfter() time.Duration }
	if errors.As(err, &unavailable) {
		seconds = max(seconds, int(math.Ceil(unavailable.RetryAfter().Seconds())))
	}
	return &refusal{
		Code: "SYSTEM_ERROR", Msg: "the request could not be signed; nothing was sent, so it is safe to try again",
		status: http.StatusServiceUnavailable, proxyError: "proxy_internal_error", outcome: outcomeNotSent,
		header: http.Header{"Retry-After": {strconv.Itoa(seconds)}}, cause: err,
	}
}
