package payermax

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/protocol"
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
	// rewritten says that this is not what the gateway sent, but what is made of
	// it.
	rewritten bool
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
	header.Del(protocol.SignHeader)
}

// isRedirect reports whether the answer sends the application elsewhere.
func (a *answer) isRedirect() bool { return a.status >= 300 && a.status < 400 }

// hasCoding reports whether the body is anything but the plain text.
func (a *answer) hasCoding() bool {
	for _, codings := range a.header["Content-Encoding"] {
		for coding := range strings.SplitSeq(codings, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return true
			}
		}
	}
	return false
}

// whole is the answer as the application gets it if all of it is PayerMax's: the
// body byte for byte, and the signature. What else stands in the header is not
// signed, so none of that passes.
func (a *answer) whole(found string) *answer {
	header := ownHeader(receivedStatus(a.status, found))
	if signatures, ok := a.header[protocol.SignHeader]; ok {
		header[protocol.SignHeader] = signatures
	}
	return &answer{status: a.passableStatus(), header: header, body: a.body}
}

// passableStatuses are those that an application can get of a gateway's answer.
// They are not signed, so they are few: each says no more than the code does.
var passableStatuses = []int{
	http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
	http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// passableStatus returns the status for the application.
func (a *answer) passableStatus() int {
	if slices.Contains(passableStatuses, a.status) {
		return a.status
	}
	return http.StatusBadGateway
}

// ownHeader is the header of every answer that the application gets.
func ownHeader(proxyStatus string) http.Header {
	values := [...]string{"application/json", "no-store", proxyStatus} // in one allocation
	return http.Header{
		"Content-Type":  values[0:1:1],
		"Cache-Control": values[1:2:2],
		"Proxy-Status":  values[2:3:3],
	}
}

// receivedStatus is the Proxy-Status of an answer that is the gateway's.
func receivedStatus(status int, found string) string {
	return protocol.SidecarName + "; received-status=" + strconv.Itoa(status) + `; details="` + found + `"`
}
