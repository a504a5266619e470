// Package cause puts into words why a gateway has not answered, and names it by the
// error types of RFC 9209, section 2.3.
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

// failure is why there is no answer: in words that quote nothing that the other side
// sent, and as an error type of RFC 9209, section 2.3.
type failure struct {
	proxyError, text string
	err              error
}

// Error returns the words.
func (f *failure) Error() string { return f.text }

// Unwrap returns the error that it explains.
func (f *failure) Unwrap() error { return f.err }

// Discreet keeps what the gateway sent out of an error that may be logged:
// net/http quotes what it cannot read, which is the answer to somebody's payment. An
// error that quotes nothing stays as it is, and nil stays nil.
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

// Misconfigured is the error of a call that is not sent because of a setting, which the
// text names.
func Misconfigured(text string) error {
	return &failure{"proxy_configuration_error", text, nil}
}

// Of returns the error's type of RFC 9209 and puts the error into words. Where the
// words are "", the error's own will do; where the type is "", it depends on how far
// the call got.
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

// certificateProblem says why a certificate was not accepted, or "". Its own names
// are left out, since whoever answers has chosen them.
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

// receivedAlert returns the TLS alert by which the other side refused, or "".
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

// protocolProblems are the beginnings of errors about what is not TLS or not HTTP
// as it should be, in the words of crypto/tls, net/http and net/textproto.
// What follows them may be the answer's.
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

// Beginnings returns how the errors begin that are known by their words alone, so that
// a test can meet each of them.
func Beginnings() []string {
	var beginnings []string
	for _, known := range protocolProblems {
		beginnings = append(beginnings, known.begins)
	}
	return beginnings
}

// protocolProblem finds the error in a chain among those.
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

// bounded makes a text that somebody else may have written fit for a log.
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

// ConnectRefused is the answer of a forward proxy that has not made the connection.
// The proxy's own words are left out.
type ConnectRefused struct {
	// Status is the HTTP status of the answer.
	Status int
}

// CheckConnected returns a *[ConnectRefused] unless the answer of a forward proxy says
// that it has made the connection. It is for OnProxyConnectResponse of an
// http.Transport, which would otherwise report nothing but the proxy's words.
func CheckConnected(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &ConnectRefused{answer.StatusCode}
}

// Error returns the status and what it means most of the time.
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

// NoTunnel is the error of a forward proxy that has taken a connection and has not led it
// to the gateway in time.
func NoTunnel(within time.Duration) error {
	return &failure{"connection_timeout", fmt.Sprintf("the forward proxy took the connection, and did not lead it to the gateway within %v", within), context.DeadlineExceeded}
}

// InTunnel says of an error that it came while a forward proxy was to lead a connection to
// the gateway, so that what is not HTTP, or breaks off, is the proxy's and not the gateway's.
// What names the proxy already stays as it is.
func InTunnel(err error) error {
	_, isRefused := errors.AsType[*ConnectRefused](err)
	if known, ok := errors.AsType[*failure](err); isRefused || ok && known.proxyError == "connection_timeout" {
		return err
	}
	return fmt.Errorf("the forward proxy did not lead the connection to the gateway: %w", Discreet(err))
}

// NoStatus is the error of an answer whose status has three digits, but is none of HTTP's,
// which begin at 100: net/http reads it, and panics where it is to be passed on.
func NoStatus() error {
	return &failure{"http_protocol_error", "the answer's status is less than 100", nil}
}

// BrokenOff is the error of an answer whose header arrived, and its body did not.
func BrokenOff(err error) error {
	return &failure{"http_response_incomplete", "the answer breaks off after its header", err}
}
