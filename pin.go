package payermax

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// foreignFields could make of a call something else than what was signed: another
// method, path or coding, or fewer fields after the next hop. They are in no call.
var foreignFields = []string{
	"Connection", "Content-Encoding", "Expect", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url",
}

// ownFields are set on each call.
var ownFields = []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", protocol.SignHeader, "User-Agent"}

// pin makes of a request to the gateway the one that was signed: a POST of the
// signed bytes to the endpoint's path, with the header fields that belong to it.
// Whatever options of a reverse proxy, or handlers before it, made of it is undone,
// but for the fields that they added.
func (d *delivery) pin(out *http.Request) {
	signed := d.signed.Load()
	out.Method = http.MethodPost
	out.URL = &url.URL{Scheme: out.URL.Scheme, Host: out.URL.Host, Path: d.endpoint.Path()}
	for _, field := range foreignFields {
		delete(out.Header, field)
	}
	signed.describe(out.Header)
	signed.authenticate(out.Header)
	out.Body = io.NopCloser(bytes.NewReader(signed.body))
	out.ContentLength = int64(len(signed.body))
	out.TransferEncoding = nil
	out.Trailer = nil
	out.Close = false
	// Without GetBody, net/http never sends the body a second time.
	out.GetBody = nil
}

// describe sets the header fields that say what the call is.
func (s *signedRequest) describe(header http.Header) {
	fields := [...]struct{ name, value string }{
		{"Accept", "application/json"},
		{"Accept-Encoding", "identity"}, // what PayerMax signs is the plain body
		{"Content-Length", strconv.Itoa(len(s.body))},
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
func (s *signedRequest) authenticate(header http.Header) {
	removeAuthentication(header)
	if s.signature != "" {
		header[protocol.SignHeader] = []string{s.signature}
	}
	if s.authToken != "" {
		header[protocol.AuthTokenHeader] = []string{s.authToken}
	}
}

// removeAuthentication removes the fields that authenticate sets. The token's
// may have become canonical on its way through a server or a reverse proxy.
func removeAuthentication(header http.Header) {
	delete(header, protocol.SignHeader)
	delete(header, protocol.AuthTokenHeader)
	delete(header, protocol.CanonicalAuthTokenHeader)
}
