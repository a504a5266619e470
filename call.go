package payermax

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// call is one request on its way: signed here, carried by the transport,
// answered by the gateway.
type call struct {
	received  time.Time
	route     route
	merchant  *merchant
	keys      *keys
	body      []byte
	signature string
	// authToken is a service provider's, or "".
	authToken string

	// connecting is set once a connection to the gateway was asked for, and
	// written once the request's header may have gone out on it. Together they
	// tell a request that certainly was not sent from one that may have been.
	connecting, written atomic.Bool
	// connectError is why there is no connection. The reverse proxy's own error
	// does not let on.
	connectError atomic.Pointer[error]
	// handshakeFailed is set if there is a connection, but no TLS on it.
	handshakeFailed atomic.Bool

	// bodyRead is set once the application's body was read to its end.
	bodyRead bool

	// answerSign is the answer's sign header, which the transport takes out of
	// the reach of debug logs.
	answerSign []string
}

// callKey is the context key of the *call.
type callKey struct{}

// callFrom returns the call that the handler put into the context, or nil.
func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// send hands the call to the next handler and returns the gateway's answer.
func (h *Handler) send(c *call, r *http.Request, next caddyhttp.Handler) (answered *answer, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(h.Timeout))
	defer cancel()

	received := &answer{header: make(http.Header)}
	defer func() {
		// A reverse proxy that has begun to pass on an answer and cannot finish
		// it aborts by this panic. Nothing has reached the application yet, so
		// it can still be told.
		if cause := recover(); cause == http.ErrAbortHandler {
			answered, err = nil, c.failed(ctx, received, http.ErrAbortHandler)
		} else if cause != nil {
			panic(cause)
		}
	}()

	if h.sandbox != nil {
		next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			h.sandbox.ServeHTTP(w, r)
			return nil
		})
	}
	err = next.ServeHTTP(received, c.outgoing(ctx, r))
	// A reverse proxy whose client has gone away answers 499 without an error.
	clientGone := received.status == statusClientClosedRequest && ctx.Err() != nil
	if err != nil || received.status == 0 || clientGone {
		return nil, c.failed(ctx, received, err)
	}
	return received, nil
}

// outgoing returns the request to the gateway. It is made anew rather than
// changed, from nothing of the application's but the body: whatever header,
// trailer, coding or query the application sent cannot touch what was signed.
func (c *call) outgoing(ctx context.Context, r *http.Request) *http.Request {
	ctx = context.WithValue(ctx, callKey{}, c)
	ctx = httptrace.WithClientTrace(ctx, c.trace())

	out := r.WithContext(ctx)
	out.Method = http.MethodPost
	out.URL = &url.URL{Path: c.route.path()}
	out.RequestURI = c.route.path()
	out.Header = http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"identity"}, // what PayerMax signs is the plain body
		"Content-Length":  {strconv.Itoa(len(c.body))},
		"Content-Type":    {"application/json"},
		"Sign":            {c.signature},
		"User-Agent":      {proxyName},
	}
	if c.authToken != "" {
		out.Header[authTokenHeader] = []string{c.authToken}
	}
	out.Body = io.NopCloser(bytes.NewReader(c.body))
	out.ContentLength = int64(len(c.body))
	out.TransferEncoding = nil
	out.Trailer = nil
	// Without GetBody, net/http never sends the body a second time.
	out.GetBody = nil
	return out
}

// trace notes how far the call gets.
func (c *call) trace() *httptrace.ClientTrace {
	failed := func(err error) {
		if err != nil {
			c.connectError.Store(&err)
		}
	}
	return &httptrace.ClientTrace{
		GetConn:      func(string) { c.connecting.Store(true) },
		WroteHeaders: func() { c.written.Store(true) },
		DNSDone:      func(info httptrace.DNSDoneInfo) { failed(info.Err) },
		ConnectDone:  func(_, _ string, err error) { failed(err) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			failed(err)
			c.handshakeFailed.Store(err != nil)
		},
	}
}
