package payermax

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTransport(t *testing.T) *Transport {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	transport := new(Transport)
	require.NoError(t, transport.Provision(ctx))
	return transport
}

// carrying returns the request of a call as a reverse proxy hands it to its
// transport.
func carrying(c *call, url string) *http.Request {
	ctx := context.WithValue(context.Background(), callKey{}, c)
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{})
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	r := httptest.NewRequest(http.MethodPost, url, bytes.NewReader(c.body)).WithContext(ctx)
	r.RequestURI = ""
	r.Header.Set("Sign", c.signature)
	return r
}

// The transport sends what was signed, whatever happened to the request after
// it was, and keeps the signatures from those who log.
func TestTransportSendsWhatWasSigned(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "signed", string(body))
		assert.Equal(t, []string{"signature"}, r.Header["Sign"])
		w.Header().Set("Sign", "answer's")
	}))
	defer gateway.Close()

	c := &call{exchange: &exchange{body: []byte("signed"), signature: "signature"}}
	r := carrying(c, gateway.URL)
	r.Header.Set("Sign", "changed")
	r.Header.Add("Sign", "added")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte("changed"))), 7

	answer, err := newTransport(t).RoundTrip(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Empty(t, r.Header["Sign"])
	assert.Empty(t, answer.Header["Sign"])
	assert.Equal(t, []string{"answer's"}, c.answerSign)
}

func TestTransportRefuses(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the gateway was called")
	}))
	defer gateway.Close()

	sent := &call{exchange: &exchange{signature: "signature"}}
	sent.written.Store(true)
	unsigned := httptest.NewRequest(http.MethodPost, gateway.URL, nil)
	unsigned.RequestURI = ""

	for _, test := range []struct {
		name string
		r    *http.Request
		want error
	}{
		{"what nobody signed", unsigned, errUnsigned},
		{"a second sending", carrying(sent, gateway.URL), errSentTwice},
		{"plain text to another machine", carrying(&call{exchange: new(exchange)}, "http://192.0.2.1"), errPlaintext},
		{"plain text to what only looks like this machine", carrying(&call{exchange: new(exchange)}, "http://localhost.example.com"), errPlaintext},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newTransport(t).RoundTrip(test.r) //nolint:bodyclose // there is none
			assert.ErrorIs(t, err, test.want)
		})
	}
}

// Active health checks have no body and need no signature.
func TestTransportLetsProbesPass(t *testing.T) {
	gateway := httptest.NewServer(http.NotFoundHandler())
	defer gateway.Close()
	ctx := context.WithValue(context.Background(), caddyhttp.VarsCtxKey, map[string]any{})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.URL, nil)
	require.NoError(t, err)
	answer, err := newTransport(t).RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusNotFound, answer.StatusCode)
}

func TestWithoutDefaultPort(t *testing.T) {
	for _, test := range []struct{ hostport, scheme, want string }{
		{"pay-gate.payermax.com:443", "https", "pay-gate.payermax.com"},
		{"pay-gate.payermax.com:8443", "https", "pay-gate.payermax.com:8443"},
		{"localhost:80", "http", "localhost"},
		{"localhost:443", "http", "localhost:443"},
		{"[::1]:443", "https", "[::1]"},
		{"[::1]:9000", "http", "[::1]:9000"},
		{"pay-gate.payermax.com", "https", "pay-gate.payermax.com"},
	} {
		assert.Equal(t, test.want, withoutDefaultPort(test.hostport, test.scheme), test.hostport)
	}
}
