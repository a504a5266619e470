package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
)

// The error types of RFC 9209, section 2.3, that are used here.
const (
	unavailable = "destination_unavailable"
	timedOut    = "http_response_timeout"
	terminated  = "connection_terminated"
	incomplete  = "http_response_incomplete"
	tooLarge    = "http_response_body_size"
)

// why returns the log fields for the reason why the application has not received a
// notification, or has not accepted it: an error type of RFC 9209, and a description.
func why(proxyError, words string) []zap.Field {
	return []zap.Field{zap.String("error", proxyError), zap.String("cause", words)}
}

// whyOf is why for the error of a handler. It quotes nothing that the application sent.
func whyOf(err error) []zap.Field {
	inner := err
	if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok && failed.Err != nil {
		inner = failed.Err
	}
	proxyError, words := cause.Of(inner)
	timeout, isNetwork := errors.AsType[net.Error](inner)
	dial, isOperation := errors.AsType[*net.OpError](inner)
	isTimeout := errors.Is(inner, context.DeadlineExceeded) || isNetwork && timeout.Timeout()
	isBroken := errors.Is(inner, io.EOF) || errors.Is(inner, io.ErrUnexpectedEOF)
	_, isUnconnected := errors.AsType[reverseproxy.DialError](inner) // this type hides the error that it wraps

	if proxyError == "" {
		switch {
		case isTimeout && isOperation && dial.Op == "dial":
			proxyError = "connection_timeout"
		case isUnconnected && strings.HasSuffix(inner.Error(), syscall.ECONNREFUSED.Error()):
			proxyError = "connection_refused"
		case isUnconnected && strings.HasSuffix(inner.Error(), os.ErrDeadlineExceeded.Error()):
			proxyError = "connection_timeout"
		case isTimeout:
			proxyError = timedOut
		case !isUnconnected && (isNetwork || isBroken), errors.Is(inner, context.Canceled):
			proxyError = terminated
		default:
			proxyError = unavailable
		}
	}
	switch {
	case words != "":
	case isUnconnected, isNetwork, isBroken, isTimeout, errors.Is(inner, context.Canceled):
		words = inner.Error()
	case statusOf(err) == http.StatusServiceUnavailable:
		words = "no upstream of the reverse_proxy is available"
	default:
		words = fmt.Sprintf("the handler behind it failed with status %d", statusOf(err))
	}
	return why(proxyError, words)
}
