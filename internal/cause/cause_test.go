package cause

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The cause is named, and nothing that the other side sent is quoted.
func TestCausesAreNamed(t *testing.T) {
	const canary = "CANARY"
	named := &x509.Certificate{DNSNames: []string{canary}}
	refused := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for _, test := range []struct {
		err              error
		proxyError, text string
	}{
		{refused(x509.HostnameError{Certificate: named, Host: "gateway.example"}), "tls_certificate_error", "the certificate was not accepted: it is not for gateway.example"},
		{refused(x509.UnknownAuthorityError{Cert: named}), "tls_certificate_error", "nobody trusted has issued it"},
		{refused(x509.CertificateInvalidError{Cert: named, Reason: x509.Expired, Detail: "current time 2026 is after 2025"}), "tls_certificate_error", "it has expired or is not valid yet: current time 2026 is after 2025"},
		{refused(x509.CertificateInvalidError{Cert: named, Reason: x509.UnconstrainedName, Detail: canary}), "tls_certificate_error", "it may not be used for this"},
		{refused(x509.SystemRootsError{}), "tls_certificate_error", "this system has no list of trusted authorities"},
		{refused(errors.New(canary)), "tls_certificate_error", "it cannot be verified"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, "tls_alert_received", "the other side ended TLS: tls: bad certificate"},
		{&net.OpError{Op: "proxyconnect", Err: &net.OpError{Op: "remote error", Err: tls.AlertError(116)}}, "tls_alert_received", "certificate required"},
		{tls.RecordHeaderError{Msg: canary}, "tls_protocol_error", "the other side does not speak TLS"},
		{http.ErrSchemeMismatch, "tls_protocol_error", "the other side does not speak TLS"},
		{errors.New("tls: server selected unsupported protocol version 301"), "tls_protocol_error", "TLS failed: server selected unsupported protocol version 301"},
		{&ConnectRefused{Status: 407}, "proxy_configuration_error", "status 407: it wants a user and password"},
		{fmt.Errorf("x: %w", &ConnectRefused{Status: 403}), "http_request_denied", "status 403"},
		{&ConnectRefused{Status: 502}, "destination_unavailable", "status 502"},
		{&net.DNSError{Err: "no such host", Name: "gateway.example", IsNotFound: true}, "dns_error", "lookup gateway.example: no such host"},
		{&net.DNSError{Err: "i/o timeout", Name: "gateway.example", IsTimeout: true}, "dns_timeout", "lookup gateway.example: i/o timeout"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection_refused", "connection refused"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}, "destination_ip_unroutable", "network is unreachable"},
		{fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", fmt.Errorf("malformed HTTP response %q", canary)), "http_protocol_error", "the answer is not HTTP"},
		{fmt.Errorf("http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=%q", canary), "connection_terminated", "the other side closed the HTTP/2 connection"},
		{errors.New("http2: client connection lost"), "connection_terminated", "the HTTP/2 connection did not answer a ping"},
		{io.EOF, "", "EOF"},
		{errors.New(canary), "", "the exchange with the gateway failed, or its answer is not HTTP"},
	} {
		t.Run(fmt.Sprint(test.err), func(t *testing.T) {
			proxyError, _ := Of(test.err)
			assert.Equal(t, test.proxyError, proxyError)
			got := Discreet(test.err)
			assert.Contains(t, got.Error(), test.text)
			assert.NotContains(t, got.Error(), canary)
			assert.ErrorIs(t, got, test.err)
			assert.Equal(t, got, Discreet(got))
			again, _ := Of(got)
			assert.Equal(t, proxyError, again, "it is still known behind its own words")
		})
	}
}

func TestBounded(t *testing.T) {
	assert.Equal(t, "a?b??", bounded("a\nb\x00é"))
	assert.Len(t, bounded(strings.Repeat("x", 1000)), 120)
	assert.Contains(t, bounded("current time "+time.Now().Format(time.RFC3339)), "current time 20")
}
