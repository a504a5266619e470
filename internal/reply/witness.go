package reply

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Witness passes on a response and records whether there was one. Caddy ends a request that
// no handler answers with a 200 without a body.
type Witness struct {
	caddyhttp.ResponseWriterWrapper
	status int
	any    bool // whether there was anything, even an interim response
}

// NewWitness returns a Witness of what is written to w.
func NewWitness(w http.ResponseWriter) *Witness {
	return &Witness{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
}

// OrNotFound passes a request to the next handler, and answers 404 if neither that handler
// nor any behind it answers.
func OrNotFound(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	seen := NewWitness(w)
	if err := next.ServeHTTP(seen, r); err != nil || seen.Status() != 0 {
		return err
	}
	ClientError(http.StatusNotFound, "NOT_FOUND", "there is nothing here").Answer().Send(w)
	return nil
}

// sees records a status. Interim (1xx) responses do not count, except the one with which a
// connection switches protocols.
func (w *Witness) sees(status int) {
	if w.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.any = true
}

// Status returns the status of the response, or 0 if there was none.
func (w *Witness) Status() int { return w.status }

// IsSilent reports whether there was nothing at all, not even an interim response.
func (w *Witness) IsSilent() bool { return !w.any }

// WriteHeader implements http.ResponseWriter.
func (w *Witness) WriteHeader(status int) {
	w.sees(status)
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *Witness) Write(p []byte) (int, error) {
	w.sees(http.StatusOK)
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (w *Witness) ReadFrom(r io.Reader) (int64, error) {
	w.sees(http.StatusOK)
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError sends what was written so far, or at least the header. http.ResponseController
// calls it.
func (w *Witness) FlushError() error {
	w.sees(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker.
func (w *Witness) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.sees(http.StatusSwitchingProtocols)
	}
	return conn, buffered, err
}

// Interface guards
var (
	_ http.ResponseWriter                       = (*Witness)(nil)
	_ http.Hijacker                             = (*Witness)(nil)
	_ io.ReaderFrom                             = (*Witness)(nil)
	_ interface{ FlushError() error }           = (*Witness)(nil)
	_ interface{ Unwrap() http.ResponseWriter } = (*Witness)(nil)
)
