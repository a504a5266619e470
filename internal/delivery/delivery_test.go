package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// A request on a connection that had been idle is unheard until the first byte of the answer.
func TestFlightIsUnheard(t *testing.T) {
	for name, test := range map[string]struct{ kept, written, heard, want bool }{
		"silence":             {kept: true, written: true, want: true},
		"on a new connection": {written: true},
		"not written":         {kept: true},
		"answered":            {kept: true, written: true, heard: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := new(flight)
			f.kept.Store(test.kept)
			f.written.Store(test.written)
			if test.heard {
				now := time.Now()
				f.firstByte.Store(&now)
			}
			assert.Equal(t, test.want, f.isUnheard())
		})
	}
}

// Every attempt but the first is signed anew and followed separately.
func TestAttempts(t *testing.T) {
	d := new(Delivery)
	d.signed.Store(&Signed{Body: []byte("first"), Signature: "1"})
	d.again = func(context.Context) (*Signed, error) {
		return &Signed{Body: []byte("second"), Signature: "2"}, nil
	}
	first, err := d.Attempt(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "first", string(first.Body))
	assert.Nil(t, first.Trace, "the trace of the call follows it")
	d.kept.Store(true)
	d.written.Store(true)
	assert.True(t, first.IsUnheard())

	second, err := d.Attempt(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "second", string(second.Body))
	assert.Equal(t, "2", second.Signature)
	assert.NotNil(t, second.Trace)
	assert.False(t, second.IsUnheard(), "it is another flight")

	d.again = func(context.Context) (*Signed, error) { return nil, errors.New("no key") }
	_, err = d.Attempt(t.Context())
	assert.EqualError(t, err, "no key")
	assert.Equal(t, "second", string(d.Signed().Body), "nothing else was signed")
	assert.Equal(t, 3, d.Attempts())
}

// The gateway may have received only what was written: the log has the digest of each such
// request, and no digest of a body that was never sent.
func TestOtherDigestsAreOfWrittenRequests(t *testing.T) {
	for name, written := range map[string]bool{"written": true, "not written": false} {
		t.Run(name, func(t *testing.T) {
			first, second, earlier := new(Signed), new(Signed), new(Signed)
			d := New(protocol.Endpoint{}, false, first, func(context.Context) (*Signed, error) { return second, nil })
			d.Follow(earlier)
			_, err := d.Attempt(t.Context())
			require.NoError(t, err)
			if written {
				d.watch().WroteHeaders()
			}
			_, err = d.Attempt(t.Context())
			require.NoError(t, err)
			want := []*Signed{earlier}
			if written {
				want = append(want, first)
			}
			others := d.Others()
			require.Len(t, others, len(want))
			for i := range want {
				assert.Same(t, want[i], others[i])
			}
			assert.Same(t, second, d.Signed())
		})
	}
}

// The call is sent as it was signed, and net/http's reports follow it, whatever the
// application's request was like.
func TestOutgoing(t *testing.T) {
	signed := &Signed{Path: "/the/endpoint", Body: []byte("signed"), Signature: "signature"}
	d := New(protocol.Endpoint{}, false, signed, nil)
	asked := httptest.NewRequest(http.MethodPut, "http://app.example/elsewhere?a=b", strings.NewReader("asked"))
	asked.Header.Set("Cookie", "secret")
	out := d.Outgoing(t.Context(), asked, http.Header{"X-Added": {"x"}})
	assert.Same(t, d, From(out.Context()))
	assert.Nil(t, From(asked.Context()))
	assert.Equal(t, "POST /the/endpoint", out.Method+" "+out.RequestURI)
	assert.Equal(t, "/the/endpoint", out.URL.String())
	assert.Empty(t, out.Header["Cookie"])
	assert.Equal(t, []string{"x"}, out.Header["X-Added"])
	assert.Equal(t, []string{"signature"}, out.Header["Sign"])
	body, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	assert.Equal(t, "signed", string(body))
	assert.Equal(t, "/elsewhere?a=b", asked.URL.RequestURI(), "the application's request stays as it is")
	assert.Equal(t, []string{"secret"}, asked.Header["Cookie"])

	trace := httptrace.ContextClientTrace(out.Context())
	assert.False(t, d.IsConnecting())
	assert.Zero(t, d.Arrived())
	trace.GetConn("")
	assert.True(t, d.IsConnecting())
	trace.GotConn(httptrace.GotConnInfo{Reused: true})
	assert.True(t, d.MayRetry(), "nothing is written")
	trace.WroteHeaders()
	assert.False(t, d.MayRetry())
	assert.True(t, d.isUnheard())
	trace.GotFirstResponseByte()
	assert.NotZero(t, d.Arrived())
	assert.False(t, d.isUnheard())
}

// If there is no answer, the reason is what net/http reports about the attempt to connect.
func TestReasonsAreNoted(t *testing.T) {
	for name, test := range map[string]struct {
		reports func(*httptrace.ClientTrace)
		want    string
	}{
		"no such host": {func(trace *httptrace.ClientTrace) {
			trace.DNSDone(httptrace.DNSDoneInfo{Err: &net.DNSError{IsNotFound: true}})
		}, "dns_error"},
		"the name was found": {func(trace *httptrace.ClientTrace) { trace.DNSDone(httptrace.DNSDoneInfo{}) }, "destination_unavailable"},
		"no TLS": {func(trace *httptrace.ClientTrace) {
			trace.ConnectDone("tcp", "", nil)
			trace.TLSHandshakeDone(tls.ConnectionState{}, errors.New("x"))
		}, "tls_protocol_error"},
		"untrusted": {func(trace *httptrace.ClientTrace) {
			trace.TLSHandshakeDone(tls.ConnectionState{}, &tls.CertificateVerificationError{Err: errors.New("x")})
		}, "tls_certificate_error"},
		"TLS, and nothing more": {func(trace *httptrace.ClientTrace) { trace.TLSHandshakeDone(tls.ConnectionState{}, nil) }, "destination_unavailable"},
		"no connection in time": {func(trace *httptrace.ClientTrace) { trace.ConnectDone("tcp", "", os.ErrDeadlineExceeded) }, "connection_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			d := New(protocol.Endpoint{}, false, new(Signed), nil)
			trace := d.watch()
			trace.GetConn("")
			test.reports(trace)
			assert.Equal(t, test.want, d.Failed(t.Context(), new(reply.Answer), errors.New("opaque")).ProxyError)
		})
	}
}

// Other handlers see an answer without its signatures, and can change neither these nor the
// status. An answer that did not come through the transport stays unchanged.
func TestConcealAndRestore(t *testing.T) {
	d := New(protocol.Endpoint{}, false, new(Signed), nil)
	a := &reply.Answer{Status: http.StatusAccepted}
	a.Header()["Sign"] = []string{"its own"}
	d.Restore(a)
	assert.Equal(t, http.StatusAccepted, a.Status)
	assert.Equal(t, []string{"its own"}, a.Header()["Sign"])

	received := &http.Response{StatusCode: http.StatusTeapot, Header: http.Header{"Sign": {"one", "two"}}}
	d.Conceal(received)
	assert.Empty(t, received.Header)
	d.Restore(a)
	assert.Equal(t, http.StatusTeapot, a.Status)
	assert.Equal(t, []string{"one", "two"}, a.Header()["Sign"])
}

// A call may be sent until something of it was written, and after that only if it may be
// received twice.
func TestMayRetry(t *testing.T) {
	for _, test := range []struct{ written, option, repeatable, want bool }{
		{false, false, false, true},
		{true, false, true, false},
		{true, true, false, false},
		{true, true, true, true},
	} {
		d := &Delivery{endpoint: protocol.Endpoint{Repeatable: test.repeatable}, retryRepeatable: test.option}
		d.written.Store(test.written)
		assert.Equal(t, test.want, d.MayRetry(), "%+v", test)
	}

	// net/http may report late, after the next attempt has begun, that one was written.
	d := New(protocol.Endpoint{}, false, new(Signed), nil)
	first := d.Outgoing(t.Context(), httptest.NewRequest(http.MethodPost, "/", nil), make(http.Header))
	for range 2 {
		_, err := d.Attempt(t.Context())
		require.NoError(t, err)
	}
	require.True(t, d.MayRetry())
	httptrace.ContextClientTrace(first.Context()).WroteHeaders()
	assert.False(t, d.MayRetry(), "the gateway may have received the first one")
	d.Enter()
	refused := d.Failed(t.Context(), new(reply.Answer), &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	assert.Equal(t, reply.Unknown, refused.Outcome, "even though the second one was not written")
}
