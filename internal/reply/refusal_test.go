package reply

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// The application gets the code, the message and the violations, and Proxy-Status says that
// they are the sidecar's. Nothing else is sent.
func TestRefusalAnswer(t *testing.T) {
	f := &Refusal{
		Code: "CODE", Msg: "a <b> & c", Errors: []validate.Violation{{Field: "/data/x", Row: "data.x", Rule: "type", Message: "wrong"}},
		Status: http.StatusBadGateway, ProxyError: "http_protocol_error", Outcome: Unverified, Received: http.StatusOK,
		Header: http.Header{"Retry-After": {"1"}}, Limit: "limit", Cause: errors.New("cause"),
	}
	a := f.Answer()
	assert.Equal(t, `{"code":"CODE","msg":"a <b> & c","errors":[{"field":"/data/x","rule":"type","message":"wrong"}]}`+"\n", string(a.Body))
	assert.Equal(t, http.StatusBadGateway, a.Status)
	assert.Equal(t, http.Header{
		"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "Retry-After": {"1"},
		"Proxy-Status": {`caddy-payermax; error=http_protocol_error; received-status=200; details="CODE"`},
	}, a.Header())
}

// An error that is not a refusal is the sidecar's own failure.
func TestAsRefusal(t *testing.T) {
	assert.Nil(t, AsRefusal(nil))
	refused := ClientError(http.StatusBadRequest, "CODE", "message")
	assert.Same(t, refused, AsRefusal(fmt.Errorf("reading: %w", refused)))

	cause := errors.New("cause")
	f := AsRefusal(cause)
	assert.Equal(t, "SYSTEM_ERROR", f.Code)
	assert.ErrorIs(t, f, cause)
	assert.NotContains(t, f.Msg, "cause")
}

// The error types in Proxy-Status are those of the RFC.
func TestRefusalsHaveErrorTypes(t *testing.T) {
	for _, refused := range []*Refusal{ClientError(400, "CODE", "message"), Denied("rate", "rate 1 1", 429, "CODE", "message"), AsRefusal(errors.New("cause"))} {
		assert.True(t, IsProxyError(refused.ProxyError), refused.ProxyError)
	}
	assert.False(t, IsProxyError(""))
	assert.False(t, IsProxyError("refused"))
}

func TestNeverLeft(t *testing.T) {
	assert.False(t, AsRefusal(nil).NeverLeft(), "there was an answer")
	for outcome, want := range map[Outcome]bool{Refused: true, NotSent: true, Unknown: false, Unverified: false} {
		assert.Equal(t, want, (&Refusal{Outcome: outcome}).NeverLeft(), outcome)
	}
}
