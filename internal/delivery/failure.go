package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// ErrProcessEnds is the cause of a context that ends because the grace period is over.
var ErrProcessEnds = errors.New("the process ends")

// What a reverse proxy does not say: if it cannot pass on all of an answer, it panics with
// http.ErrAbortHandler, whatever the reason.
var (
	errBrokenOff = errors.New("the answer breaks off after its header")
	errTooLarge  = errors.New("the answer is larger than 1 MiB, or than the available memory")
)

// StatusClientClosedRequest is what Caddy records if the client has gone away.
const StatusClientClosedRequest = 499

// lasting are the error types caused by a setting or a certificate, which a second attempt
// does not change.
var lasting = []string{"tls_certificate_error", "proxy_configuration_error", "http_request_denied"}

// Failed says why there is no answer to the call, and above all whether the gateway may have
// received it: a payment that may have been made must not be sent again blindly. a is what
// arrived of the answer. err is the error of the next handler, or nil if it did not return
// one.
func (d *Delivery) Failed(ctx context.Context, a *reply.Answer, err error) *reply.Refusal {
	f := &reply.Refusal{Cause: d.cause(ctx, a, err), Status: http.StatusBadGateway, ProxyError: d.proxyError(ctx, a, err)}
	switch f.ProxyError {
	case "connection_timeout", "dns_timeout", "http_response_timeout":
		f.Status = http.StatusGatewayTimeout
	}

	if d.certainlyNotSent(ctx, err) {
		f.Outcome = reply.NotSent
		f.Code = "SYSTEM_ERROR"
		f.Msg = "PayerMax could not be reached; nothing was sent, so it is safe to try again"
		if slices.Contains(lasting, f.ProxyError) {
			f.Msg = "PayerMax could not be reached; nothing was sent; the operator must correct the cause, which the log names, before a retry can succeed"
		}
		if refused, ok := errors.AsType[caddyhttp.HandlerError](err); ok && refused.StatusCode == http.StatusServiceUnavailable {
			f.Status = http.StatusServiceUnavailable
			f.Header = http.Header{"Retry-After": {"1"}}
		}
	} else {
		f = Unanswered(f.Status, f.ProxyError, f.Cause)
	}
	if errors.Is(ctx.Err(), context.Canceled) && context.Cause(ctx) != ErrProcessEnds {
		f.Status = StatusClientClosedRequest
	}
	return f
}

// Unanswered returns the refusal of a call that the gateway may have received.
func Unanswered(status int, proxyError string, cause error) *reply.Refusal {
	return &reply.Refusal{
		Code: "REQUEST_TIMEOUT",
		Msg: "the request was sent to PayerMax but its answer did not arrive; " +
			"the outcome is unknown: query it before you send the request again",
		Status: status, ProxyError: proxyError, Outcome: reply.Unknown, Cause: cause,
	}
}

// NotSentInTime refuses a call that was given up before it was sent: its time is over, the
// application has gone away, or the process is ending.
func NotSentInTime(cause error) *reply.Refusal {
	f := &reply.Refusal{
		Code: "SYSTEM_ERROR", Msg: "there was no time left to send the request; nothing was sent, so it is safe to try again",
		Status: http.StatusServiceUnavailable, ProxyError: "proxy_internal_error", Outcome: reply.NotSent,
		Header: http.Header{"Retry-After": {"1"}}, Cause: cause,
	}
	if errors.Is(cause, context.Canceled) {
		f.Status, f.Header = StatusClientClosedRequest, nil
	}
	return f
}

// cause returns the part of err that may be logged. The reverse proxy's error names at most
// one reason why there is no connection, and no reason if the time was over before, or if the
// answer has begun.
func (d *Delivery) cause(ctx context.Context, a *reply.Answer, err error) error {
	switch err = withoutProxy(err); {
	case context.Cause(ctx) == ErrProcessEnds:
		return ErrProcessEnds // whatever its end has interrupted
	case a.TooLarge:
		return errTooLarge
	case err == http.ErrAbortHandler:
		return withReason(errBrokenOff, ctx.Err())
	case d.written.Load():
		return err
	}
	if noted := d.present().connectError.Load(); noted != nil {
		err = withReason(err, cause.Discreet(*noted))
	}
	return d.present().inHandshake(err)
}

// withReason adds a reason, if there is one, to an error, unless the error already contains it.
func withReason(err, reason error) error {
	switch {
	case err == nil:
		return reason
	case reason == nil, strings.Contains(err.Error(), reason.Error()):
		return err
	}
	return fmt.Errorf("%w: %w", err, reason)
}

// withoutProxy returns the error that a reverse proxy has wrapped. The wrapper's text would
// begin with an identifier and the position in Caddy's code.
func withoutProxy(err error) error {
	wrapped, ok := errors.AsType[caddyhttp.HandlerError](err)
	switch {
	case !ok:
		return err
	case wrapped.Err != nil:
		return wrapped.Err
	}
	return fmt.Errorf("the sending handler failed with status %d", wrapped.StatusCode)
}

// hasNoAddress reports whether the reverse proxy could not determine the address of its
// upstream, for example because a placeholder in it is empty, and has tried no other upstream
// before.
func hasNoAddress(ctx context.Context, err error) bool {
	wrapped, ok := errors.AsType[caddyhttp.HandlerError](err)
	if !ok || wrapped.Err == nil || !strings.HasPrefix(wrapped.Err.Error(), "making dial info: ") { // Caddy's wording
		return false
	}
	repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	_, hasAsked := repl.Get("http.reverse_proxy.upstream.address")
	return !hasAsked
}

// certainlyNotSent reports whether the gateway cannot have received the call. Either a
// connection was asked for, or the transport refused before that, but nothing was written; or
// the reverse proxy had no available upstream, or no address for it. A handler that asks for
// no connection could have sent the call by other means.
func (d *Delivery) certainlyNotSent(ctx context.Context, err error) bool {
	if d.connecting.Load() || d.entered.Load() {
		return !d.written.Load()
	}
	refused, ok := errors.AsType[caddyhttp.HandlerError](err)
	return ok && refused.StatusCode == http.StatusServiceUnavailable || hasNoAddress(ctx, err)
}

// proxyError returns the RFC 9209 error type of the failure (section 2.3).
func (d *Delivery) proxyError(ctx context.Context, a *reply.Answer, err error) string {
	known, _ := cause.Of(err)
	if noted := d.present().connectError.Load(); known == "" && noted != nil && !d.written.Load() {
		known, _ = cause.Of(*noted)
		err = errors.Join(err, *noted)
	}
	timeout, isTimeout := errors.AsType[net.Error](err)

	switch {
	case context.Cause(ctx) == ErrProcessEnds:
		return "connection_terminated"
	case a.TooLarge:
		return "http_response_body_size"
	case known != "":
		return known
	case hasNoAddress(ctx, err):
		return "proxy_configuration_error"
	case errors.Is(ctx.Err(), context.DeadlineExceeded) || isTimeout && timeout.Timeout():
		if d.written.Load() {
			return "http_response_timeout"
		}
		return "connection_timeout"
	case d.present().handshakeFailed.Load() && !d.written.Load():
		return "tls_protocol_error"
	case a.Status != 0 && d.written.Load():
		return "http_response_incomplete"
	case d.written.Load() || errors.Is(err, io.EOF):
		return "connection_terminated"
	default:
		return "destination_unavailable"
	}
}
