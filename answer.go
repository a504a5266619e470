package payermax

import (
	"errors"
	"net/http"
	"strconv"
)

// maxAnswerSize bounds what is kept of an answer, in bytes. PayerMax's answers
// are a few kilobytes.
const maxAnswerSize = 1 << 20

// errAnswerTooLarge stops an answer beyond maxAnswerSize.
var errAnswerTooLarge = errors.New("the answer is too large")

// answer is what the application will get. It takes the gateway's answer as an
// http.ResponseWriter and holds it back, so that it can be checked, or replaced
// if its end never comes, before the application sees the first byte.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	tooLarge bool
}

// Header returns the header to be sent.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status. Interim (1xx) responses are dropped.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write keeps p, up to maxAnswerSize in all.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if len(a.body)+len(p) > maxAnswerSize {
		a.tooLarge = true
		return 0, errAnswerTooLarge
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// Flush does nothing: the answer is passed on whole. It is there because a
// reverse proxy flushes an answer whose length was not announced.
func (a *answer) Flush() {}

// write sends the answer to the application.
func (a *answer) write(w http.ResponseWriter) {
	header := w.Header()
	delete(a.header, "Trailer")
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	for field, values := range a.header {
		header[field] = values
	}
	w.WriteHeader(a.status)
	// The application is the only one to miss what cannot be written to it.
	_, _ = w.Write(a.body)
	// The header is on its way; access logs, which print what is left here,
	// have no use for the signature.
	header.Del("Sign")
}
