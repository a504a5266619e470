package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// The log line of a notification that is not accepted names the cause, and quotes nothing of
// the application's answer. It has no status if nothing has answered.
func TestNotifyNamesTheCause(t *testing.T) {
	failing := func(status int, err error) caddyhttp.HandlerFunc {
		return failingWith(caddyhttp.Error(status, err))
	}
	answering := func(status int) caddyhttp.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(status); return nil }
	}
	dial := func(err error) error { return fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: err}) }
	// unconnected returns an error that hides the one that it wraps.
	unconnected := func(err error) error { return reverseproxy.NewDialError(&net.OpError{Op: "dial", Err: err}) }
	cutOff := func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "canary")
		panic(http.ErrAbortHandler)
	}
	for name, test := range map[string]struct {
		application caddyhttp.HandlerFunc
		status      any
		kind, says  string
		only        string // the only options that it applies to, or "" for all
	}{
		"refused":                       {failing(502, dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), nil, "connection_refused", "connection refused", ""},
		"connecting took long":          {failing(504, dial(os.ErrDeadlineExceeded)), nil, "connection_timeout", "i/o timeout", ""},
		"no such host":                  {failing(502, dial(&net.DNSError{Err: "no such host"})), nil, "dns_error", "no such host", ""},
		"answering took long":           {failing(504, context.DeadlineExceeded), nil, "http_response_timeout", "deadline", ""},
		"it hung up":                    {failing(502, io.EOF), nil, "connection_terminated", "EOF", ""},
		"not HTTP":                      {failing(502, errors.New(`malformed HTTP response "canary"`)), nil, "http_protocol_error", "is not HTTP", ""},
		"refused, to a reverse_proxy":   {failing(502, unconnected(os.NewSyscallError("connect", syscall.ECONNREFUSED))), nil, "connection_refused", "connection refused", ""},
		"too long, for a reverse_proxy": {failing(502, unconnected(os.ErrDeadlineExceeded)), nil, "connection_timeout", "i/o timeout", ""},
		"no way for a reverse_proxy":    {failing(502, unconnected(errors.New("no way"))), nil, "destination_unavailable", "no way", ""},
		"an error of a status alone":    {failing(410, nil), nil, "destination_unavailable", "failed with status 410", ""},
		"an error of Caddy's, of no status": {func(http.ResponseWriter, *http.Request) error {
			return caddyhttp.HandlerError{Err: errors.New("canary")}
		}, nil, "destination_unavailable", "failed with status 500", ""},
		"no upstream":            {failing(503, errors.New("canary")), nil, "destination_unavailable", "no upstream", ""},
		"another handler":        {failing(413, errors.New("canary")), nil, "destination_unavailable", "failed with status 413", ""},
		"an error of no status":  {failingWith(errors.New("canary")), nil, "destination_unavailable", "failed with status 500", ""},
		"nobody answers":         {func(http.ResponseWriter, *http.Request) error { return nil }, nil, "destination_unavailable", "no handler", ""},
		"an answer is cut":       {cutOff, int64(200), "http_response_incomplete", "is incomplete", ""},
		"an error's status":      {answering(500), int64(500), "destination_unavailable", "other than 2xx", "ack after"},
		"it says FAIL, and more": {saying(`{"code":"canary"}.`), int64(200), "destination_unavailable", "is not JSON", "ack after"},
		"it says FAIL":           {saying(`{"code":"canary"}`), int64(200), "destination_unavailable", "a code other than SUCCESS", "ack after"},
	} {
		for option, options := range map[string][]func(*Handler){"plain": nil, "ack after": {ackAfterwards}, "duplicates": {guarded}} {
			if test.only != "" && test.only != option {
				continue
			}
			t.Run(name+", "+option, func(t *testing.T) {
				n := newHandler(t, options...)
				core, logged := observer.New(zap.DebugLevel)
				n.logger = zap.New(core)
				func() {
					defer func() { _ = recover() }() // as the server does
					deliver(t, n, notify(t, paymentNotification), test.application)
				}()
				require.Equal(t, 1, logged.Len())
				line := logged.All()[0]
				assert.Equal(t, "notification", line.Message)
				fields := line.ContextMap()
				assert.Equal(t, "not_accepted", fields["result"])
				assert.Equal(t, test.kind, fields["error"])
				assert.Contains(t, fields["cause"], test.says)
				assert.Equal(t, test.status, fields["status"])
				assert.NotContains(t, fmt.Sprint(fields), "canary")
				assert.NotContains(t, fields["cause"], "HTTP 50", "which are Caddy's words around an error")
			})
		}
	}
}

// failingWith returns a handler that fails with err.
func failingWith(err error) caddyhttp.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

// The server gets no error of a request with a signature, since it would log the signature.
// The outermost handler answers with the error's status, and logs the error unless that was
// done already.
func TestErrorsAreKeptFromTheServer(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
		level  zapcore.Level
	}{
		"of the application": {caddyhttp.Error(http.StatusBadGateway, io.EOF), http.StatusBadGateway, zap.ErrorLevel},
		"of no status":       {io.EOF, http.StatusInternalServerError, zap.ErrorLevel},
		"of the request":     {caddyhttp.Error(http.StatusNotFound, io.EOF), http.StatusNotFound, zap.DebugLevel},
	} {
		t.Run(name, func(t *testing.T) {
			core, logged := observer.New(zap.DebugLevel)
			outer, inner := &Guard{logger: zap.New(core)}, &Guard{logger: zap.New(core)}
			w := httptest.NewRecorder()
			err := outer.ServeHTTP(w, notify(t, paymentNotification), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				return inner.ServeHTTP(w, r, failingWith(test.err))
			}))
			require.NoError(t, err)
			assert.Equal(t, test.status, w.Code)
			require.Equal(t, 1, logged.Len())
			line := logged.All()[0]
			assert.Equal(t, test.level, line.Level)
			assert.EqualValues(t, test.status, line.ContextMap()["status"])
		})
	}

	t.Run("one that has a line", func(t *testing.T) {
		core, logged := observer.New(zap.DebugLevel)
		n, outer := newHandler(t), &Guard{logger: zap.New(core)}
		w := httptest.NewRecorder()
		require.NoError(t, outer.ServeHTTP(w, notify(t, paymentNotification), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			return n.ServeHTTP(w, r, failingWith(caddyhttp.Error(http.StatusBadGateway, io.EOF)))
		})))
		assert.Equal(t, http.StatusBadGateway, w.Code)
		assert.Zero(t, logged.Len())
	})

	t.Run("after the answer has begun", func(t *testing.T) {
		w, guard := httptest.NewRecorder(), new(Guard)
		require.NoError(t, guard.Provision(testcaddy.Context(t)))
		require.NoError(t, guard.ServeHTTP(w, notify(t, paymentNotification), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusAccepted)
			return io.EOF
		})))
		assert.Equal(t, http.StatusAccepted, w.Code)
	})
}

// The site's routes for errors get the error of a request with a signature, with the
// request's original method and URL, as the server would hand it to them.
func TestErrorRoutesAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		routes caddyhttp.HandlerFunc
		status int
		lines  int
	}{
		"they answer": {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusTeapot); return nil }, http.StatusTeapot, 1},
		"they do not": {func(http.ResponseWriter, *http.Request) error { return nil }, http.StatusBadGateway, 1},
		"they fail":   {failingWith(caddyhttp.Error(http.StatusNotFound, io.EOF)), http.StatusBadGateway, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			routes := caddyhttp.RouteList{{Handlers: []caddyhttp.MiddlewareHandler{middleware(func(w http.ResponseWriter, r *http.Request) error {
				got = r
				return test.routes(w, r)
			})}}}
			require.NoError(t, routes.Provision(testcaddy.Context(t)))
			server := &caddyhttp.Server{Errors: &caddyhttp.HTTPErrorConfig{Routes: routes}}
			w := httptest.NewRecorder()
			r := caddyhttp.PrepareRequest(notify(t, paymentNotification), caddy.NewReplacer(), w, server)
			r.Method, r.URL.Path, r.RequestURI = http.MethodGet, "/rewritten", "/rewritten"
			failed := caddyhttp.Error(http.StatusBadGateway, io.EOF)

			core, logged := observer.New(zap.DebugLevel)
			require.NoError(t, (&Guard{logger: zap.New(core)}).ServeHTTP(w, r, failingWith(failed)))
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, test.lines, logged.Len())
			assert.Equal(t, "POST /callback /callback", got.Method+" "+got.URL.Path+" "+got.RequestURI)
			assert.Equal(t, failed, got.Context().Value(caddyhttp.ErrorCtxKey))
			assert.Equal(t, "GET /rewritten", r.Method+" "+r.URL.Path)
		})
	}
}

// middleware is a handler at the end of the chain.
type middleware caddyhttp.HandlerFunc

func (m middleware) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	return m(w, r)
}
