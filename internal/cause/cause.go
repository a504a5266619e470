// Package cause explains why a gateway has not answered, and returns the matching error
// type of RFC 9209, section 2.3.
package cause

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// failure is the reason why there is no answer: a text that quotes nothing that the other
// side sent, and an error type of RFC 9209, section 2.3.
type failure struct {
	proxyError, text string
	err              error
}

// Error returns the text.
func (f *failure) Error() string { return f.text }

// Unwrap returns the error that the failure explains.
func (f *failure) Unwrap() error { return f.err }

// Discreet removes what the gateway sent from an error that may be logged: net/http
// quotes what it cannot parse, which is the answer to a payment. An error that quotes
// nothing is returned as it is, and nil stays nil.
func Discreet(err error) error {
	if err == nil {
		return nil
	}
	if _, isDiscreet := errors.AsType[*failure](err); isDiscreet {
		return err
	}
	if proxyError, text := Of(err); text != "" {
		return &failure{proxyError, text, err}
	}
	_, isNetwork := errors.AsType[net.Error](err)
	_, isDial := errors.AsType[reverseproxy.DialError](err)
	switch {
	case isNetwork, isDial, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return err
	}
	return &failure{"", "the exchange with the gateway failed, or its answer is not HTTP", err}
}

// Misconfigured returns the error of a call that is not sent because of a setting. The
// text names the setting.
func Misconfigured(text string) error {
	return &failure{"proxy_configuration_error", text, nil}
}

// Of returns an error's type in RFC 9209 and a text that explains it. If the text is "",
// the error's own text can be used; if the type is "", it depends on how far the call
// got.
func Of(err error) (proxyError, text string) {
	if known, ok := errors.AsType[*failure](err); ok && known.proxyError != "" {
		return known.proxyError, known.text
	}
	if refused, ok := errors.AsType[*ConnectRefused](err); ok {
		return refused.proxyError(), refused.Error()
	}
	if reason := certificateProblem(err); reason != "" {
		return "tls_certificate_error", "the certificate was not accepted: " + reason
	}
	if alert := receivedAlert(err); alert != "" {
		return "tls_alert_received", "the other side ended TLS: " + alert
	}
	if _, isPlain := errors.AsType[tls.RecordHeaderError](err); isPlain || errors.Is(err, http.ErrSchemeMismatch) {
		return "tls_protocol_error", "the other side does not speak TLS"
	}
	if dns, isDNS := errors.AsType[*net.DNSError](err); isDNS {
		if dns.IsTimeout {
			return "dns_timeout", ""
		}
		return "dns_error", ""
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused", ""
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "destination_ip_unroutable", ""
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "connection_limit_reached", ""
	}
	return protocolProblem(err)
}

// certificateProblem returns why a certificate was not accepted, or "". It omits the
// names in the certificate, since the other side chose them.
func certificateProblem(err error) string {
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return "it is not for " + wrong.Host
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "it has expired or is not valid yet: " + bounded(invalid.Detail)
		}
		return "it may not be used for this"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "nobody trusted has issued it; tls_trust_pool names an authority of your own"
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return "this system has no list of trusted authorities"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "it cannot be verified"
	}
	return ""
}

// receivedAlert returns the TLS alert with which the other side refused the connection,
// or "".
func receivedAlert(err error) string {
	for {
		operation, ok := errors.AsType[*net.OpError](err)
		switch {
		case !ok:
			return ""
		case operation.Op == "remote error":
			return bounded(operation.Err.Error())
		}
		err = operation.Err
	}
}

// protocolProblems are the beginnings of the errors of crypto/tls, net/http and
// net/textproto about invalid TLS or HTTP. The rest of these errors may quote the answer.
var protocolProblems = []struct{ begins, proxyError, text string }{
	{"http2: client connection lost", "connection_terminated", "the HTTP/2 connection did not answer a ping"},
	{"http2: server sent GOAWAY", "connection_terminated", "the other side closed the HTTP/2 connection"},
	{"http2: Transport received Server's graceful shutdown GOAWAY", "connection_terminated", "the other side closed the HTTP/2 connection"},
	{"http2: Transport: cannot retry", "connection_terminated", "the other side refused the HTTP/2 stream or closed its connection"},
	{"stream error: ", "connection_terminated", "the other side reset the HTTP/2 stream"},
	{"connection error: ", "http_protocol_error", "the other side broke the rules of HTTP/2"},
	{"http2: connection error: ", "http_protocol_error", "the other side broke the rules of HTTP/2"},
	{"http2: response header list larger", "http_response_header_section_size", "the answer's header is larger than max_response_header"},
	{"net/http: server response headers exceeded", "http_response_header_section_size", "the answer's header is larger than max_response_header"},
	{"unsupported transfer encoding", "http_response_transfer_coding", "the answer has a transfer coding that is not known"},
	{"net/http: too many 1xx", "http_protocol_error", "the answer has too many interim answers before it"},
	{"malformed HTTP", "http_protocol_error", "the answer is not HTTP"},
	{"malformed MIME header", "http_protocol_error", "the answer's header is not HTTP"},
	{"bad Content-Length", "http_protocol_error", "the answer's length is not a number"},
	{"invalid empty Content-Length", "http_protocol_error", "the answer's length is not a number"},
	{"http: message cannot contain multiple Content-Length", "http_protocol_error", "the answer has several lengths"},
}

// Beginnings returns the beginnings of the errors that are recognised by their text only,
// so that a test can provoke each of them.
func Beginnings() []string {
	var beginnings []string
	for _, known := range protocolProblems {
		beginnings = append(beginnings, known.begins)
	}
	return beginnings
}

// protocolProblem finds the first error of a chain that is one of protocolProblems.
func protocolProblem(err error) (proxyError, text string) {
	for ; err != nil; err = errors.Unwrap(err) {
		for _, known := range protocolProblems {
			if strings.HasPrefix(err.Error(), known.begins) {
				return known.proxyError, known.text
			}
		}
		if words, isTLS := strings.CutPrefix(err.Error(), "tls: "); isTLS {
			return "tls_protocol_error", "TLS failed: " + bounded(words)
		}
	}
	return "", ""
}

// bounded makes a text from outside safe to log: it replaces unprintable characters and
// limits the length.
func bounded(text string) string {
	const enough = 120
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), enough)]
}

// ConnectRefused is the error of a forward proxy that refused to connect. It does not
// contain the proxy's own text.
type ConnectRefused struct {
	// Status is the HTTP status of the proxy's answer.
	Status int
}

// CheckConnected returns a *[ConnectRefused] unless a forward proxy's answer says that it
// has connected. It is for OnProxyConnectResponse of an http.Transport, which would
// otherwise report only the proxy's own text.
func CheckConnected(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &ConnectRefused{answer.StatusCode}
}

// Error returns the status and its usual meaning.
func (c *ConnectRefused) Error() string {
	text := fmt.Sprintf("the forward proxy answered CONNECT with status %d", c.Status)
	switch {
	case c.Status == http.StatusProxyAuthRequired:
		return text + ": it wants a user and password in the URL of network_proxy"
	case c.Status < http.StatusInternalServerError:
		return text + ": it does not let this connection pass"
	}
	return text + ": it could not reach the gateway"
}

// proxyError returns the error type of RFC 9209, section 2.3.
func (c *ConnectRefused) proxyError() string {
	switch {
	case c.Status == http.StatusProxyAuthRequired:
		return "proxy_configuration_error"
	case c.Status < http.StatusInternalServerError:
		return "http_request_denied"
	}
	return "destination_unavailable"
}

// NoTunnel returns the error of a forward proxy that accepted a connection but did not
// connect to the gateway in time.
func NoTunnel(within time.Duration) error {
	return &failure{"connection_timeout", fmt.Sprintf("the forward proxy accepted the connection, but did not connect it to the gateway within %v", within), context.DeadlineExceeded}
}

// InTunnel adds to an error that it occurred while a forward proxy was connecting to the
// gateway, so that an answer that is incomplete or not HTTP is the proxy's and not the
// gateway's. Errors that already name the proxy are returned as they are.
func InTunnel(err error) error {
	_, isRefused := errors.AsType[*ConnectRefused](err)
	if known, ok := errors.AsType[*failure](err); isRefused || ok && known.proxyError == "connection_timeout" {
		return err
	}
	return fmt.Errorf("the forward proxy did not lead the connection to the gateway: %w", Discreet(err))
}

// NoStatus returns the error of an answer whose status has three digits, but is less than
// 100, where HTTP's begin: net/http reads such a status, but panics when it is passed on.
func NoStatus() error {
	return &failure{"http_protocol_error", "the answer's status is less than 100", nil}
}

// BrokenOff returns the error of an answer whose header arrived, but whose body was
// incomplete.
func BrokenOff(err error) error {
	return &failure{"http_response_incomplete", "the answer breaks off after its header", err}
}
