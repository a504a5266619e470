package reply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// Refusal is an answer of the sidecar itself. Its first fields are the body that the
// application gets: PayerMax's format, with details.
//
// It never holds a key, a signature, a value from the request or the gateway's
// address.
type Refusal struct {
	// Code is one word. Msg is a sentence for people.
	Code string `json:"code"`
	Msg  string `json:"msg"`
	// Errors are the rules that the request broke.
	Errors []validate.Violation `json:"errors,omitempty"`

	// Status is the HTTP status.
	Status int `json:"-"`
	// ProxyError is an error type of RFC 9209, section 2.3.
	ProxyError string `json:"-"`
	// Outcome is how the call ended.
	Outcome Outcome `json:"-"`
	// Received is the status of the answer that this one replaces, or 0.
	Received int `json:"-"`
	// Header contains additional header fields.
	Header http.Header `json:"-"`
	// Limit is the limit that refuses the call, as the metric names it, or "".
	Limit string `json:"-"`
	// Setting is the option that sets the limit, with its value, such as "rate 50 100", or "".
	// It is for the log only.
	Setting string `json:"-"`
	// Cause is for the log only.
	Cause error `json:"-"`
}

// ClientError returns a refusal of a request that must be changed before it is sent again.
func ClientError(status int, code, msg string) *Refusal {
	return &Refusal{
		Code: code, Msg: msg,
		Status: status, ProxyError: "http_request_error", Outcome: Refused,
	}
}

// Denied returns a refusal because of a limit, which the setting sets.
func Denied(limit, setting string, status int, code, msg string) *Refusal {
	return &Refusal{
		Code: code, Msg: msg, Limit: limit, Setting: setting,
		Status: status, ProxyError: "http_request_denied", Outcome: Refused,
	}
}

// AsRefusal returns err as a refusal, or nil if err is nil. An error that is not a refusal
// counts as a failure of the sidecar itself, before anything was sent.
func AsRefusal(err error) *Refusal {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*Refusal](err); ok {
		return refused
	}
	return &Refusal{
		Code: "SYSTEM_ERROR", Msg: "the sidecar could not handle the request; nothing was sent",
		Status: http.StatusInternalServerError, ProxyError: "proxy_internal_error", Outcome: NotSent, Cause: err,
	}
}

// Error returns the message.
func (f *Refusal) Error() string { return f.Msg }

// Unwrap returns the error that caused the refusal, if any.
func (f *Refusal) Unwrap() error { return f.Cause }

// NeverLeft reports whether it is certain that nothing of the call was sent. It is false for
// nil, since the call was answered then.
func (f *Refusal) NeverLeft() bool {
	return f != nil && (f.Outcome == Refused || f.Outcome == NotSent)
}

// Answer renders the refusal for the application.
func (f *Refusal) Answer() *Answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		// Three fields of plain text always encode.
		panic(fmt.Sprintf("encoding a refusal: %v", err))
	}

	header := ownHeader(f.proxyStatus())
	for field, values := range f.Header {
		header[field] = values
	}
	return &Answer{Status: f.Status, header: header, Body: body.Bytes()}
}
