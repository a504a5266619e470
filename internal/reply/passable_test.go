package reply

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A status that would say more than the code does is not passed on.
func TestPassableStatus(t *testing.T) {
	for received, passes := range map[int]int{200: 200, 201: 502, 206: 502, 400: 400, 401: 401, 407: 502, 409: 409, 418: 502, 429: 429, 500: 500, 503: 503, 504: 504, 511: 502} {
		assert.Equal(t, passes, (&Answer{Status: received}).passableStatus(), received)
	}
}

// Of a gateway's answer, only the body, the signature and some statuses are passed on.
func TestAnswerPasses(t *testing.T) {
	a := &Answer{Status: http.StatusTeapot, Body: []byte("{}")}
	a.Header()["Sign"] = []string{"signature"}
	a.Header().Set("Location", "https://elsewhere.example")
	a.Header().Set("Set-Cookie", "session=1")
	a.Header().Set("Content-Encoding", "identity")

	common := func() http.Header {
		return http.Header{
			"Content-Type": {"application/json"}, "Cache-Control": {"no-store"},
			"Proxy-Status": {`caddy-payermax; received-status=418; details="found"`},
		}
	}
	whole := a.Whole("found")
	signed := common()
	signed["Sign"] = []string{"signature"}
	assert.Equal(t, signed, whole.Header())
	assert.Equal(t, http.StatusBadGateway, whole.Status)
	assert.Equal(t, a.Body, whole.Body)
	assert.Equal(t, Answered, whole.Outcome())

	delete(a.header, "Sign")
	assert.Equal(t, common(), a.Whole("found").Header())

	rewritten := a.Rewritten("found", []byte("[]"))
	assert.Equal(t, common(), rewritten.Header())
	assert.Equal(t, "[]", string(rewritten.Body))
	assert.Equal(t, Unsigned, rewritten.Outcome())
}
