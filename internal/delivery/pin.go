package delivery

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// foreignFields could turn a call into something other than what was signed: give it
// another method, path or coding, or fewer fields after the next hop. No call has them.
var foreignFields = []string{
	"Connection", "Content-Encoding", "Expect", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url",
}

// ownFields are set on each call, or left out of it.
var ownFields = []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", protocol.SignHeader, protocol.CanonicalAuthTokenHeader, "User-Agent"}

// IsPinned reports whether each call has a header field as the sidecar sets it, or
// does not have it at all. The name is in its canonical form.
func IsPinned(field string) bool {
	return slices.Contains(foreignFields, field) || slices.Contains(ownFields, field)
}

// Signed is exactly what goes to the gateway. It never changes.
type Signed struct {
	// Path is the path of the endpoint's URL.
	Path string
	// Body is the very bytes that were signed.
	Body []byte
	// Signature is the value of the sign header, or "" if the call has none.
	Signature string
	// AuthToken is a service provider's token, or "" if the call has none.
	AuthToken string

	// RequestTime is the time that the request was stamped with.
	RequestTime time.Time
	// Fingerprint identifies the key that signed. It is "" if the application signed.
	Fingerprint string
	// Took is the time to sign, waiting included.
	Took time.Duration
}

// Pin turns a request to the gateway into the one that was signed: a POST of the
// signed bytes to the endpoint's path, with the header fields that belong to it.
// Whatever options of a reverse proxy, or handlers before it, have done to it is undone,
// except for the fields that they added.
func (s *Signed) Pin(out *http.Request) {
	out.Method = http.MethodPost
	out.URL = &url.URL{Scheme: out.URL.Scheme, Host: out.URL.Host, Path: s.Path}
	for _, field := range foreignFields {
		delete(out.Header, field)
	}
	s.describe(out.Header)
	s.authenticate(out.Header)
	out.Body = io.NopCloser(bytes.NewReader(s.Body))
	out.ContentLength = int64(len(s.Body))
	out.TransferEncoding = nil
	out.Trailer = nil
	out.Close = false
	// Without GetBody, net/http never sends the body a second time.
	out.GetBody = nil
}

// describe sets the header fields that say what the call is.
func (s *Signed) describe(header http.Header) {
	fields := [...]struct{ name, value string }{
		{"Accept", "application/json"},
		{"Accept-Encoding", "identity"}, // what PayerMax signs is the plain body
		{"Content-Length", strconv.Itoa(len(s.Body))},
		{"Content-Type", "application/json"},
		{"User-Agent", protocol.SidecarName}, // by which a sidecar knows that it is called by one
	}
	values := make([]string, len(fields))
	for i, field := range fields {
		values[i] = field.value
		header[field.name] = values[i : i+1 : i+1] // cut off, so that appending to one leaves the next alone
	}
}

// authenticate sets the header fields that must appear in no log.
func (s *Signed) authenticate(header http.Header) {
	RemoveAuthentication(header)
	if s.Signature != "" {
		header[protocol.SignHeader] = []string{s.Signature}
	}
	if s.AuthToken != "" {
		header[protocol.AuthTokenHeader] = []string{s.AuthToken}
	}
}

// RemoveAuthentication removes the header fields that must appear in no log: the
// signature and a service provider's token. The name of the token's field may have
// become canonical on its way through a server or a reverse proxy.
func RemoveAuthentication(header http.Header) {
	delete(header, protocol.SignHeader)
	delete(header, protocol.AuthTokenHeader)
	delete(header, protocol.CanonicalAuthTokenHeader)
}
