package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// Whether a call was sent decides what the application may do next, so each kind of failure
// is tested.
func TestFailed(t *testing.T) {
	dial := func(err error) error {
		return caddyhttp.Error(http.StatusBadGateway, fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: err}))
	}
	for _, test := range []struct {
		name                string
		connecting, written bool
		entered             bool
		handshakeFailed     bool
		arrived             reply.Answer
		err                 error
		status              int
		code, proxyError    string
	}{
		{
			name: "refused", connecting: true, err: dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
			status: 502, code: "SYSTEM_ERROR", proxyError: "connection_refused",
		},
		{
			name: "no such host", connecting: true, err: dial(&net.DNSError{IsNotFound: true}),
			status: 502, code: "SYSTEM_ERROR", proxyError: "dns_error",
		},
		{
			name: "resolver does not answer", connecting: true, err: dial(&net.DNSError{IsTimeout: true}),
			status: 504, code: "SYSTEM_ERROR", proxyError: "dns_timeout",
		},
		{
			name: "connecting takes too long", connecting: true, err: dial(os.ErrDeadlineExceeded),
			status: 504, code: "SYSTEM_ERROR", proxyError: "connection_timeout",
		},
		{
			name: "untrusted certificate", connecting: true, err: &tls.CertificateVerificationError{Err: errors.New("x")},
			status: 502, code: "SYSTEM_ERROR", proxyError: "tls_certificate_error",
		},
		{
			name: "no TLS", connecting: true, handshakeFailed: true, err: errors.New("x"),
			status: 502, code: "SYSTEM_ERROR", proxyError: "tls_protocol_error",
		},
		{
			name: "no way to the address", connecting: true, err: dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
			status: 502, code: "SYSTEM_ERROR", proxyError: "destination_ip_unroutable",
		},
		{
			name: "no file descriptor", connecting: true, err: dial(os.NewSyscallError("socket", syscall.EMFILE)),
			status: 502, code: "SYSTEM_ERROR", proxyError: "connection_limit_reached",
		},
		{
			name: "handshake takes too long", connecting: true, handshakeFailed: true, err: os.ErrDeadlineExceeded,
			status: 504, code: "SYSTEM_ERROR", proxyError: "connection_timeout",
		},
		{
			name: "alert in the handshake", connecting: true, handshakeFailed: true, err: &net.OpError{Op: "remote error", Err: tls.AlertError(42)},
			status: 502, code: "SYSTEM_ERROR", proxyError: "tls_alert_received",
		},
		{
			// With TLS 1.3, a client certificate is refused only after the call is sent.
			name: "alert after writing", connecting: true, written: true, err: &net.OpError{Op: "remote error", Err: tls.AlertError(116)},
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "tls_alert_received",
		},
		{
			name: "forward proxy wants a password", connecting: true, err: &cause.ConnectRefused{Status: 407},
			status: 502, code: "SYSTEM_ERROR", proxyError: "proxy_configuration_error",
		},
		{
			name: "forward proxy forbids", connecting: true, err: &cause.ConnectRefused{Status: 403},
			status: 502, code: "SYSTEM_ERROR", proxyError: "http_request_denied",
		},
		{
			name: "forward proxy cannot", connecting: true, err: &cause.ConnectRefused{Status: 503},
			status: 502, code: "SYSTEM_ERROR", proxyError: "destination_unavailable",
		},
		{
			name: "not HTTP", connecting: true, written: true, err: fmt.Errorf("broken: %w", errors.New(`malformed HTTP response "x"`)),
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "http_protocol_error",
		},
		{
			name: "no upstream is healthy", err: caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no upstreams available")),
			status: 503, code: "SYSTEM_ERROR", proxyError: "destination_unavailable",
		},
		{
			name: "the transport refuses", entered: true, err: caddyhttp.Error(http.StatusBadGateway, cause.Misconfigured("x")),
			status: 502, code: "SYSTEM_ERROR", proxyError: "proxy_configuration_error",
		},
		{
			name: "the transport refuses to send twice", entered: true, written: true, err: errors.New("x"),
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "connection_terminated",
		},
		{
			// The handler could have sent the call by other means.
			name: "another handler failed", err: caddyhttp.Error(http.StatusInternalServerError, errors.New("x")),
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "destination_unavailable",
		},
		{
			name: "timeout of the transport's own, before it is written", connecting: true, err: &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded},
			status: 504, code: "SYSTEM_ERROR", proxyError: "connection_timeout",
		},
		{
			name: "closed before it is written", connecting: true, err: io.EOF,
			status: 502, code: "SYSTEM_ERROR", proxyError: "connection_terminated",
		},
		{
			name: "broken when it was written", connecting: true, written: true, handshakeFailed: true, err: errors.New("x"),
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "connection_terminated",
		},
		{
			name: "a status without a call", connecting: true, arrived: reply.Answer{Status: 200}, err: errors.New("x"),
			status: 502, code: "SYSTEM_ERROR", proxyError: "destination_unavailable",
		},
		{
			name: "closed before the answer", connecting: true, written: true, err: io.EOF,
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "connection_terminated",
		},
		{
			name: "answer takes too long", connecting: true, written: true, err: os.ErrDeadlineExceeded,
			status: 504, code: "REQUEST_TIMEOUT", proxyError: "http_response_timeout",
		},
		{
			name: "cut in the answer", connecting: true, written: true, arrived: reply.Answer{Status: 200}, err: http.ErrAbortHandler,
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "http_response_incomplete",
		},
		{
			name: "endless answer", connecting: true, written: true, arrived: reply.Answer{Status: 200, TooLarge: true}, err: http.ErrAbortHandler,
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "http_response_body_size",
		},
		{
			name: "no telling", err: errors.New("x"),
			status: 502, code: "REQUEST_TIMEOUT", proxyError: "destination_unavailable",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := new(Delivery)
			d.connecting.Store(test.connecting)
			d.written.Store(test.written)
			d.entered.Store(test.entered)
			d.handshakeFailed.Store(test.handshakeFailed)
			f := d.Failed(context.Background(), &test.arrived, test.err)
			assert.Equal(t, test.status, f.Status)
			assert.Equal(t, test.code, f.Code)
			assert.Equal(t, test.proxyError, f.ProxyError)
			if test.code == "SYSTEM_ERROR" {
				lasts := slices.Contains([]string{"tls_certificate_error", "proxy_configuration_error", "http_request_denied"}, test.proxyError)
				assert.Equal(t, reply.NotSent, f.Outcome)
				assert.Equal(t, lasts, strings.Contains(f.Msg, "before a retry can succeed"), f.Msg)
				assert.Equal(t, !lasts, strings.Contains(f.Msg, "nothing was sent, so it is safe to try again"), f.Msg)
			} else {
				assert.Equal(t, reply.Unknown, f.Outcome)
				assert.Contains(t, f.Msg, "query it before you send the request again")
			}
			assert.Equal(t, test.status == http.StatusServiceUnavailable, f.Header.Get("Retry-After") == "1")
		})
	}
}

func TestFailedByContext(t *testing.T) {
	late, cancelLate := context.WithDeadline(context.Background(), time.Now())
	defer cancelLate()
	gone, leave := context.WithCancel(context.Background())
	leave()

	d := new(Delivery)
	d.connecting.Store(true)
	d.written.Store(true)
	assert.Equal(t, http.StatusGatewayTimeout, d.Failed(late, &reply.Answer{Status: 200}, http.ErrAbortHandler).Status)
	assert.Equal(t, StatusClientClosedRequest, d.Failed(gone, &reply.Answer{}, nil).Status)
}

// EOF, or a timeout, does not by itself say that it occurred during the TLS handshake.
func TestFailedInHandshake(t *testing.T) {
	for name, test := range map[string]struct {
		err        error
		isDone     bool
		says       string
		proxyError string
	}{
		"closed":             {io.EOF, true, "the connection was closed during the TLS handshake: EOF", "tls_protocol_error"},
		"broken off":         {io.ErrUnexpectedEOF, true, "the connection was closed during the TLS handshake: unexpected EOF", "tls_protocol_error"},
		"stalled":            {context.DeadlineExceeded, false, "the time ran out during the TLS handshake: context deadline exceeded", "connection_timeout"},
		"stalled, and known": {context.DeadlineExceeded, true, "the time ran out during the TLS handshake: context deadline exceeded", "connection_timeout"},
		"something else":     {errors.New("x"), false, "x", "destination_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			d := new(Delivery)
			d.watch().GetConn("")
			d.watch().ConnectDone("tcp", "", nil)
			d.watch().TLSHandshakeStart()
			if test.isDone {
				d.watch().TLSHandshakeDone(tls.ConnectionState{}, test.err)
			}
			f := d.Failed(context.Background(), &reply.Answer{}, test.err)
			assert.EqualError(t, f.Cause, test.says)
			assert.ErrorIs(t, f.Cause, test.err)
			assert.Equal(t, test.proxyError, f.ProxyError)

			d.watch().TLSHandshakeDone(tls.ConnectionState{}, nil)
			assert.Equal(t, test.err, d.cause(t.Context(), &reply.Answer{}, test.err), "TLS has begun on another connection")
		})
	}
}

// The reverse proxy hides why it could not connect; the trace knows the reason.
func TestFailedByConnectError(t *testing.T) {
	d := new(Delivery)
	d.watch().GetConn("")
	d.watch().ConnectDone("tcp", "", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	f := d.Failed(context.Background(), &reply.Answer{}, errors.New("opaque"))
	assert.Equal(t, "connection_refused", f.ProxyError)
}

// Once one address has answered, failures of other addresses do not matter: it is the
// handshake that failed.
func TestFailedAfterConnecting(t *testing.T) {
	d := new(Delivery)
	watch := d.watch()
	watch.GetConn("")
	watch.ConnectDone("tcp", "", os.NewSyscallError("connect", syscall.ECONNREFUSED))
	watch.ConnectDone("tcp", "", nil)
	watch.ConnectDone("tcp", "", os.NewSyscallError("connect", syscall.EHOSTUNREACH))
	late, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	f := d.Failed(late, &reply.Answer{}, context.DeadlineExceeded)
	assert.Equal(t, "connection_timeout", f.ProxyError)
	assert.Equal(t, reply.NotSent, f.Outcome)
}

// With several addresses, the log says what is wrong with each, as far as it is known.
func TestFailedNamesSeveralCauses(t *testing.T) {
	d := new(Delivery)
	d.watch().GetConn("")
	d.watch().ConnectDone("tcp", "", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	f := d.Failed(context.Background(), &reply.Answer{}, context.DeadlineExceeded)
	assert.EqualError(t, f.Cause, "context deadline exceeded: dial: connect: connection refused")
}

// If the reverse proxy cannot determine an address, nothing was sent, unless it has tried
// another upstream before.
func TestFailedWithoutAddress(t *testing.T) {
	repl := caddy.NewEmptyReplacer()
	ctx := context.WithValue(t.Context(), caddy.ReplacerCtxKey, repl)
	err := caddyhttp.Error(http.StatusBadGateway, errors.New("making dial info: upstream {env.X}: invalid dial address"))
	f := new(Delivery).Failed(ctx, &reply.Answer{}, err)
	assert.Equal(t, reply.NotSent, f.Outcome)
	assert.Equal(t, "proxy_configuration_error", f.ProxyError)
	assert.EqualError(t, f.Cause, "making dial info: upstream {env.X}: invalid dial address")
	assert.Contains(t, f.Msg, "before a retry can succeed")

	repl.Set("http.reverse_proxy.upstream.address", "192.0.2.1:443")
	assert.Equal(t, reply.Unknown, new(Delivery).Failed(ctx, &reply.Answer{}, err).Outcome)
	assert.Equal(t, reply.Unknown, new(Delivery).Failed(t.Context(), &reply.Answer{}, err).Outcome)
}

// The cause is the reason itself, without Caddy's prefix.
func TestCauseIsTheReasonItself(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for want, err := range map[string]error{
		"dial: connect: connection refused":                            caddyhttp.Error(http.StatusBadGateway, refused),
		"no upstreams available":                                       caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no upstreams available")),
		"the sending handler failed with status 502":                   caddyhttp.HandlerError{StatusCode: http.StatusBadGateway},
		"context deadline exceeded: dial: connect: connection refused": caddyhttp.Error(http.StatusBadGateway, context.DeadlineExceeded),
	} {
		d := new(Delivery)
		if strings.Contains(want, "refused") {
			d.watch().GetConn("")
			d.watch().ConnectDone("tcp", "", refused)
		}
		assert.EqualError(t, d.Failed(t.Context(), &reply.Answer{}, err).Cause, want)
	}
}

// A reverse proxy does not say why it has given up an answer, or that this process ends.
func TestCauseIsNotThatOfTheProxyAlone(t *testing.T) {
	late, cancelLate := context.WithDeadline(t.Context(), time.Now())
	defer cancelLate()
	gone, leave := context.WithCancel(t.Context())
	leave()
	ending, end := context.WithCancelCause(t.Context())
	end(ErrProcessEnds)

	for want, test := range map[string]struct {
		ctx     context.Context
		arrived reply.Answer
		err     error
	}{
		"the answer breaks off after its header":                            {t.Context(), reply.Answer{Status: 200}, http.ErrAbortHandler},
		"the answer breaks off after its header: context deadline exceeded": {late, reply.Answer{Status: 200}, http.ErrAbortHandler},
		"the answer breaks off after its header: context canceled":          {gone, reply.Answer{Status: 200}, http.ErrAbortHandler},
		"the answer is larger than 1 MiB, or than the available memory":     {t.Context(), reply.Answer{Status: 200, TooLarge: true}, http.ErrAbortHandler},
		"the process ends": {ending, reply.Answer{}, caddyhttp.Error(http.StatusBadGateway, errors.New("the exchange failed"))},
	} {
		d := new(Delivery)
		d.connecting.Store(true)
		d.written.Store(true)
		assert.EqualError(t, d.Failed(test.ctx, &test.arrived, test.err).Cause, want)
	}
}

// The log contains the reason once, whether or not the reverse proxy names it.
func TestCauseIsNamedOnce(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, err := range []error{nil, fmt.Errorf("no upstream: %w", refused)} {
		d := new(Delivery)
		d.watch().GetConn("")
		d.watch().ConnectDone("tcp", "", refused)
		said := d.Failed(context.Background(), &reply.Answer{}, err).Cause
		require.Error(t, said)
		assert.Equal(t, 1, strings.Count(said.Error(), "connection refused"), said)
	}
}

// A call that was given to a gateway in this process may have been received. It is not sent
// again, although no connection was asked for, and whatever the error is.
func TestArrive(t *testing.T) {
	d := new(Delivery)
	assert.False(t, d.IsConnecting())
	d.Arrive()
	assert.True(t, d.IsConnecting())
	assert.False(t, d.MayRetry())
	f := d.Failed(context.Background(), &reply.Answer{}, caddyhttp.Error(http.StatusServiceUnavailable, errors.New("broken")))
	assert.Equal(t, reply.Unknown, f.Outcome)
}
