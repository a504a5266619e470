package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// The line of a notification that is not accepted names the cause, and quotes nothing of
// what the application has answered. It has no status if nobody has answered.
func TestNotifyNamesTheCause(t *testing.T) {
	failing := func(status int, err error) caddyhttp.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(status, err) }
	}
	answering := func(status int) caddyhttp.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(status); return nil }
	}
	dial := func(err error) error { return fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: err}) }
	cutOff := func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "canary")
		panic(http.ErrAbortHandler)
	}
	for name, test := range map[string]struct {
		application caddyhttp.HandlerFunc
		status      any
		kind, says  string
		only        string // the options that it is about, or "" for all
	}{
		"refused":               {failing(502, dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), nil, "connection_refused", "connection refused", ""},
		"connecting took long":  {failing(504, dial(os.ErrDeadlineExceeded)), nil, "connection_timeout", "i/o timeout", ""},
		"no such host":          {failing(502, dial(&net.DNSError{Err: "no such host"})), nil, "dns_error", "no such host", ""},
		"answering took long":   {failing(504, context.DeadlineExceeded), nil, "http_response_timeout", "deadline", ""},
		"it hung up":            {failing(502, io.EOF), nil, "connection_terminated", "EOF", ""},
		"not HTTP":              {failing(502, errors.New(`malformed HTTP response "canary"`)), nil, "http_protocol_error", "is not HTTP", ""},
		"no upstream":           {failing(503, errors.New("canary")), nil, "destination_unavailable", "no upstream", ""},
		"another handler":       {failing(413, errors.New("canary")), nil, "destination_unavailable", "failed with status 413", ""},
		"an error of no status": {func(http.ResponseWriter, *http.Request) error { return errors.New("canary") }, nil, "destination_unavailable", "failed with status 500", ""},
		"nobody answers":        {func(http.ResponseWriter, *http.Request) error { return nil }, nil, "destination_unavailable", "no handler", ""},
		"an answer is cut":      {cutOff, int64(200), "http_response_incomplete", "breaks off", ""},
		"an error's status":     {answering(500), int64(500), "destination_unavailable", "other than 2xx", "ack after"},
		"it says FAIL":          {saying(`{"code":"canary"}`), int64(200), "destination_unavailable", "a code other than SUCCESS", "ack after"},
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
			})
		}
	}
}
