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

// foreignFields could turn a call into something other than what was signed: give it another
// method, path or coding, or make the next hop drop fields. No call has them.
var foreignFields = []string{
	"Connection", "Content-Encoding", "Expect", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url",
}

// ownFields are set in each call by the sidecar, or omitted from it.
var ownFields = []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", protocol.SignHeader, protocol.CanonicalAuthTokenHeader, "User-Agent"}

// IsPinned reports whether the sidecar determines this header field of every call: its value,
// or that it is absent. field is in canonical form.
func IsPinned(field string) bool {
	return slices.Contains(foreignFields, field) || slices.Contains(ownFields, field)
}

// Signed is exactly what is sent to the gateway. It is immutable.
type Signed struct {
	// Path is the path of the endpoint's URL.
	Path string
	// Body contains the exact bytes that were signed.
	Body []byte
	// Signature is the value of the sign header, or "" if the call has none.
	Signature string
	// AuthToken is a service provider's token, or "" if the call has none.
	AuthToken string

	// RequestTime is the time with which the request was stamped.
	RequestTime time.Time
	// Fingerprint identifies the signing key. It is "" if the application signed.
	Fingerprint string
	// Took is the time that signing took, including the wait.
	Took time.Duration
}

// Pin turns a request to the gateway into the one that was signed: a POST of the signed bytes
// to the endpoint's path, with its header fields. This undoes whatever the options of a
// reverse proxy, or earlier handlers, have done to it, except for the fields that they added.
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
	// Without GetBody, net/http never sends the body again.
	out.GetBody = nil
}

// describe sets the header fields that describe the call.
func (s *Signed) describe(header http.Header) {
	fields := [...]struct{ name, value string }{
		{"Accept", "application/json"},
		{"Accept-Encoding", "identity"}, // PayerMax signs the plain body
		{"Content-Length", strconv.Itoa(len(s.Body))},
		{"Content-Type", "application/json"},
		{"User-Agent", protocol.SidecarName}, // lets a sidecar recognise a call by another sidecar
	}
	values := make([]string, len(fields))
	for i, field := range fields {
		values[i] = field.value
		header[field.name] = values[i : i+1 : i+1] // capped, so that appending to one does not change the next
	}
}

// authenticate sets the header fields that must not appear in a log.
func (s *Signed) authenticate(header http.Header) {
	RemoveAuthentication(header)
	if s.Signature != "" {
		header[protocol.SignHeader] = []string{s.Signature}
	}
	if s.AuthToken != "" {
		header[protocol.AuthTokenHeader] = []string{s.AuthToken}
	}
}

// RemoveAuthentication removes the header fields that must not appear in a log: the signature
// and a service provider's token. The name of the token's field may have become canonical on
// its way through a server or a reverse proxy.
func RemoveAuthentication(header http.Header) {
	delete(header, protocol.SignHeader)
	delete(header, protocol.AuthTokenHeader)
	delete(header, protocol.CanonicalAuthTokenHeader)
}
