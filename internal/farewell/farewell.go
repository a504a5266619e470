// Package farewell tells clients that their connections will be closed soon, so that they
// continue with other connections.
package farewell

import (
	"io"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// endings report other reasons, unknown to Caddy, why a server is about to end.
var endings []func(*caddyhttp.Server) bool

// Include makes Announce also call endsSoon to find out whether a server is about to end.
// It is for init functions.
func Include(endsSoon func(*caddyhttp.Server) bool) { endings = append(endings, endsSoon) }

// Announce returns a ResponseWriter that tells the client if its connection will be
// closed soon: because the server is in its shutdown_delay, or for a reason passed to
// Include, such as that another config has taken over the server's socket. The answer has
// `Connection: close`, which net/http turns into a GOAWAY on HTTP/2. So a client that
// makes further calls uses another connection by the time the server closes this one.
func Announce(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if r.ProtoMajor > 2 {
		return w // HTTP/3 has no such field; its server announces its end on its own
	}
	return &announcer{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, request: r}
}

// announcer checks the server when an answer begins, which may be long after the request
// arrived.
type announcer struct {
	caddyhttp.ResponseWriterWrapper
	request *http.Request
	begun   bool
}

// WriteHeader writes the header, with `Connection: close` if the connection will be
// closed soon.
func (a *announcer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.begin()
	}
	a.ResponseWriterWrapper.WriteHeader(status)
}

// Write writes a part of the body, after the header.
func (a *announcer) Write(p []byte) (int, error) {
	a.begin()
	return a.ResponseWriterWrapper.Write(p)
}

// ReadFrom writes a body, after the header.
func (a *announcer) ReadFrom(body io.Reader) (int64, error) {
	a.begin()
	return a.ResponseWriterWrapper.ReadFrom(body)
}

// begin completes the header before it is written.
func (a *announcer) begin() {
	if !a.begun && endsSoon(a.request) {
		a.Header().Set("Connection", "close")
	}
	a.begun = true
}

// endsSoon reports whether the server that received the request is about to end.
func endsSoon(r *http.Request) bool {
	server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server == nil {
		return false
	}
	isOfServer := func(endsSoon func(*caddyhttp.Server) bool) bool { return endsSoon(server) }
	return slices.ContainsFunc(endings, isOfServer) || IsShuttingDown(r)
}

// IsShuttingDown reports whether the server that received the request is in its
// shutdown_delay: it still serves requests and will end after that.
func IsShuttingDown(r *http.Request) bool {
	placeholders := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	shuttingDown, _ := placeholders.Get("http.shutting_down")
	return shuttingDown == true
}

// Interface guards
var (
	_ http.ResponseWriter                       = (*announcer)(nil)
	_ io.ReaderFrom                             = (*announcer)(nil)
	_ interface{ Unwrap() http.ResponseWriter } = (*announcer)(nil)
)
