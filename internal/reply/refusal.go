package reply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// Refusal is an answer of the sidecar's own. Its first fields are the body that
// the application gets: PayerMax's shape, with details.
//
// It never holds a key, a signature, a value from the request or the gateway's
// address.
type Refusal struct {
	// Code is one word, and Msg a sentence for people.
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
	// Received is the status of the answer that this one takes the place of, or 0.
	Received int `json:"-"`
	// Header has further header fields.
	Header http.Header `json:"-"`
	// Limit is the limit that refuses, as the metric names it, or "".
	Limit string `json:"-"`
	// Cause is for the log alone.
	Cause error `json:"-"`
}

// ClientError makes a refusal of a request that must be changed before it is
// sent again.
func ClientError(status int, code, msg string) *Refusal {
	return &Refusal{
		Code: code, Msg: msg,
		Status: status, ProxyError: "http_request_error", Outcome: Refused,
	}
}

// Denied makes a refusal of what a limit does not allow.
func Denied(limit string, status int, code, msg string) *Refusal {
	return &Refusal{
		Code: code, Msg: msg, Limit: limit,
		Status: status, ProxyError: "http_request_denied", Outcome: Refused,
	}
}

// AsRefusal returns the refusal that err is, or nil if err is nil. Any other error
// is the sidecar's own failure, before anything was sent.
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

// Unwrap returns what caused the refusal, if it was an error.
func (f *Refusal) Unwrap() error { return f.Cause }

// NeverLeft reports whether it is certain that nothing of the call was sent. Where
// there is no refusal, there was an answer.
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
