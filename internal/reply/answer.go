// Package reply provides the responses to callers: answers that are held back until they are
// checked, refusals in PayerMax's format, and the names that both have in Proxy-Status (RFC
// 9209).
package reply

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// MaxAnswerSize is the maximum size of an answer, in bytes. PayerMax's answers are a few
// kilobytes.
const MaxAnswerSize = 1 << 20

// AnswerStep is how many bytes of an answer are kept without asking for room, and how many
// more each time there is room.
const AnswerStep = 64 << 10

// errAnswerTooLarge stops an answer that is larger than MaxAnswerSize, or for which there is
// no room.
var errAnswerTooLarge = errors.New("the answer is too large")

// Answer is what the application will get. It receives the gateway's answer as an
// http.ResponseWriter and holds it back, so that it can be checked, or replaced if it is
// incomplete, before the application sees the first byte. The zero value is ready for use.
type Answer struct {
	// Status is the HTTP status, or 0 as long as there is none.
	Status int
	// Body is the part of the body that has arrived.
	Body []byte
	// TooLarge says that the body was larger than MaxAnswerSize, or than there was room for,
	// and is incomplete.
	TooLarge bool
	// Room, if set, is called before the body grows by another AnswerStep. It reports whether
	// there is memory for that.
	Room func() bool

	header http.Header
	steps  int // AnswerSteps for which there was room
	// rewritten says that this is not what the gateway sent, but was made from it.
	rewritten bool
}

// Header returns the header to be sent.
func (a *Answer) Header() http.Header {
	if a.header == nil {
		a.header = make(http.Header)
	}
	return a.header
}

// WriteHeader keeps the status. Interim (1xx) responses are dropped.
func (a *Answer) WriteHeader(status int) {
	if a.Status == 0 && status >= http.StatusOK {
		a.Status = status
	}
}

// Write keeps p, up to MaxAnswerSize in total.
func (a *Answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.hasRoom(len(a.Body) + len(p)) {
		a.TooLarge = true
		return 0, errAnswerTooLarge
	}
	a.Body = append(a.Body, p...)
	return len(p), nil
}

// hasRoom reports whether a body may grow to a size.
func (a *Answer) hasRoom(size int) bool {
	if size > MaxAnswerSize {
		return false
	}
	for ; a.Room != nil && size > (a.steps+1)*AnswerStep; a.steps++ {
		if !a.Room() {
			return false
		}
	}
	return true
}

// Flush does nothing: the answer is passed on as a whole. It exists because a reverse proxy
// flushes an answer whose length was not announced.
func (a *Answer) Flush() {}

// Send sends the answer to the application.
func (a *Answer) Send(w http.ResponseWriter) {
	header := w.Header()
	delete(a.header, "Trailer")
	a.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	for field, values := range a.header {
		header[field] = values
	}
	w.WriteHeader(a.Status)
	// Only the application misses what cannot be written to it.
	_, _ = w.Write(a.Body)
	// The header has been sent. Access logs print what is left here, and do not need the
	// signature.
	header.Del(protocol.SignHeader)
}

// IsBrokenOff reports whether less of the body has arrived than Content-Length announced.
func (a *Answer) IsBrokenOff() bool {
	announced, err := strconv.Atoi(a.header.Get("Content-Length"))
	return err == nil && len(a.Body) < announced
}

// IsSuccess reports whether the answer is a 2xx, and complete.
func (a *Answer) IsSuccess() bool { return a.Status >= 200 && a.Status < 300 && !a.TooLarge }

// IsRedirect reports whether the answer sends the application elsewhere.
func (a *Answer) IsRedirect() bool { return a.Status >= 300 && a.Status < 400 }

// Read parses an answer in PayerMax's format, which must be plain JSON. names are the names
// by which an answer can say which call it is for.
func (a *Answer) Read(names envelope.Names) (*envelope.Answer, error) {
	if protocol.IsCoded(a.header) {
		return nil, errors.New("it has a content coding")
	}
	return envelope.ReadAnswer(a.Body, names)
}
