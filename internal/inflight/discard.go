package inflight

import (
	"io"
	"net/http"
	"time"
)

// What is read of a body that is refused all the same.
const (
	// cheapBody is how large it may be, in bytes. Those of PayerMax's calls are
	// some kilobytes.
	cheapBody = 16 << 10
	// cheapWait is for how long it is read. Nearly all bodies arrive with their header.
	cheapWait = 100 * time.Millisecond
)

// Discard reads a small body without keeping it, and reports whether it did, so that
// the connection can be used again: to open another one costs more, and those who
// are refused come back.
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
