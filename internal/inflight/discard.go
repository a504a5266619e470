package inflight

import (
	"io"
	"net/http"
	"time"
)

// How much is read of the body of a refused request.
const (
	// cheapBody is the maximum size of the body, in bytes. The bodies of PayerMax's calls are
	// a few kilobytes.
	cheapBody = 16 << 10
	// cheapWait is how long it is read. Nearly all bodies arrive with their header.
	cheapWait = 100 * time.Millisecond
)

// Discard reads a small body without keeping it, and reports whether it did, so that the
// connection can be reused: a new connection costs more, and refused clients come back.
func Discard(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength < 0 || r.ContentLength > cheapBody || r.Header.Get("Expect") != "" {
		return false
	}
	connection := http.NewResponseController(w)
	if connection.SetReadDeadline(time.Now().Add(cheapWait)) != nil {
		return false
	}
	_, err := io.Copy(io.Discard, r.Body)
	_ = connection.SetReadDeadline(time.Time{}) // as net/http does after a body
	return err == nil
}
