package payermax

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// witness passes on a response and remembers whether there was any. Caddy ends a
// request that no handler answers in a 200 without a body.
type witness struct {
	*caddyhttp.ResponseWriterWrapper
	status  int  // of the response; 0 if there was none
	interim bool // whether there was an interim response
}

func newWitness(w http.ResponseWriter) *witness {
	return &witness{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
}

// sees remembers a status. Interim (1xx) responses are not the response, but for
// the one with which a connection changes hands.
func (w *witness) sees(status int) {
	if w.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.interim = w.interim || status < http.StatusOK
}

// isSilent reports whether there was nothing at all.
func (w *witness) isSilent() bool { return w.status == 0 && !w.interim }

// WriteHeader implements http.ResponseWriter.
func (w *witness) WriteHeader(status int) {
	w.sees(status)
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *witness) Write(p []byte) (int, error) {
	w.sees(http.StatusOK)
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (w *witness) ReadFrom(r io.Reader) (int64, error) {
	w.sees(http.StatusOK)
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError sends what was written, if only the header. It is what
// http.ResponseController asks for.
func (w *witness) FlushError() error {
	w.sees(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker.
func (w *witness) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.sees(http.StatusSwitchingProtocols)
	}
	return conn, buffered, err
}

// Interface guards
var (
	_ http.ResponseWriter                       = (*witness)(nil)
	_ http.Hijacker                             = (*witness)(nil)
	_ io.ReaderFrom                             = (*witness)(nil)
	_ interface{ FlushError() error }           = (*witness)(nil)
	_ interface{ Unwrap() http.ResponseWriter } = (*witness)(nil)
)
