package delivery

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// A call is what was signed, whatever was done to the request before.
func TestPin(t *testing.T) {
	for name, signed := range map[string]*Signed{
		"signed":            {Path: "/pay", Body: []byte("body"), Signature: "signature"},
		"with a token":      {Path: "/pay", Body: []byte("body"), Signature: "signature", AuthToken: "token"},
		"not by us, shadow": {Path: "/pay", Body: []byte("body")},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://gateway.example/refund?a=b", strings.NewReader("another body"))
			r.Header = http.Header{
				"Sign": {"of somebody", "twice"}, "Merchant_auth_token": {"of somebody"}, "merchant_auth_token": {"of somebody"},
				"Content-Type": {"text/plain"}, "X-Own": {"kept"},
			}
			for _, field := range foreignFields {
				r.Header[field] = []string{"of somebody"}
			}
			r.TransferEncoding, r.Trailer, r.Close = []string{"chunked"}, http.Header{"Sign": nil}, true
			r.GetBody = func() (io.ReadCloser, error) { return nil, nil }

			signed.Pin(r)
			assert.Equal(t, "POST http://gateway.example/pay", r.Method+" "+r.URL.String())
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, "body", string(body))
			assert.Equal(t, int64(4), r.ContentLength)
			assert.Nil(t, r.TransferEncoding)
			assert.Nil(t, r.Trailer)
			assert.Nil(t, r.GetBody)
			assert.False(t, r.Close)
			assert.Equal(t, []string{"kept"}, r.Header["X-Own"])
			for _, field := range foreignFields {
				assert.NotContains(t, r.Header, field)
			}

			signatures, tokens := 0, 0
			for field, values := range r.Header {
				for _, value := range values {
					assert.NotEqual(t, "of somebody", value, field)
				}
				if strings.EqualFold(field, "sign") {
					signatures += len(values)
				}
				if strings.EqualFold(field, "merchant_auth_token") {
					tokens += len(values)
				}
			}
			assert.Equal(t, signed.Signature != "", signatures == 1, "signatures: %d", signatures)
			assert.Equal(t, signed.AuthToken != "", tokens == 1, "tokens: %d", tokens)
			assert.Equal(t, []string{"application/json"}, r.Header["Content-Type"])
			assert.Equal(t, []string{"4"}, r.Header["Content-Length"])

			// Appending to one of the fields does not change the next.
			_ = append(r.Header["Accept"], "changed")
			assert.Equal(t, []string{"identity"}, r.Header["Accept-Encoding"])
		})
	}
}

// No option may set a field that the sidecar sets or omits.
func TestIsPinned(t *testing.T) {
	for field, pinned := range map[string]bool{"Sign": true, "Content-Type": true, foreignFields[0]: true, "X-Own": false} {
		assert.Equal(t, pinned, IsPinned(field), field)
	}
}

// The original status and signatures are judged, whatever handlers in between have changed.
func TestRestore(t *testing.T) {
	d := new(Delivery)
	untouched := &reply.Answer{Status: http.StatusAccepted}
	untouched.Header().Set("Sign", "of a handler")
	d.Restore(untouched)
	assert.Equal(t, http.StatusAccepted, untouched.Status)
	assert.Equal(t, "of a handler", untouched.Header().Get("Sign"))

	came := &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{"Sign": {"one", "two"}}}
	d.Conceal(came)
	assert.Empty(t, came.Header["Sign"])
	passed := &reply.Answer{Status: http.StatusOK}
	d.Restore(passed)
	assert.Equal(t, http.StatusBadGateway, passed.Status)
	assert.Equal(t, []string{"one", "two"}, passed.Header()["Sign"])

	d.Conceal(&http.Response{StatusCode: http.StatusOK})
	failed := &reply.Answer{Status: http.StatusBadGateway}
	d.Restore(failed)
	assert.Equal(t, http.StatusOK, failed.Status)
}

// A call whose time is over before it is sent was not sent, and may be made again.
func TestNotSentInTime(t *testing.T) {
	late := NotSentInTime(context.DeadlineExceeded)
	assert.Equal(t, http.StatusServiceUnavailable, late.Status)
	assert.Equal(t, "1", late.Header.Get("Retry-After"))
	gone := NotSentInTime(context.Canceled)
	assert.Equal(t, StatusClientClosedRequest, gone.Status)
	assert.Empty(t, gone.Header)
	for _, f := range []*reply.Refusal{late, gone} {
		assert.Equal(t, reply.NotSent, f.Outcome)
		assert.True(t, f.NeverLeft())
	}
}
