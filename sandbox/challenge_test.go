package sandbox

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visit opens the page that an order redirects to.
func visit(g *Gateway, order map[string]any, query string) *httptest.ResponseRecorder {
	path := order["redirectUrl"].(string)[len("http://example.com"):]
	return serve(g, httptest.NewRequest(http.MethodGet, path+query, nil))
}

func TestChallenge(t *testing.T) {
	for query, want := range map[string]string{"": "SUCCESS", "?result=FAILED": "FAILED", "?result=x": "SUCCESS"} {
		g := closing(t, newGateway(t))
		s := newShop(t)
		order := pay(t, g, fields{"subject": "3DS", "notifyUrl": s.URL})
		assert.Regexp(t, `^http://example\.com/sandbox/3ds/[0-9a-f]{32}$`, order["redirectUrl"])
		assert.Equal(t, "PENDING", order["status"])

		w := visit(g, order, query)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Body.String(), "Order P1642410680681 is "+want)
		assert.Equal(t, want, orderStatus(t, g))
		_, data := readNotification(t, g, s.wait(t, 1)[0])
		assert.Equal(t, want, data["status"])

		// Once is enough: what is final stays so.
		other := map[string]string{"SUCCESS": "?result=FAILED", "FAILED": ""}[want]
		assert.Contains(t, visit(g, order, other).Body.String(), want)
		require.NoError(t, g.Close(t.Context()))
		s.wait(t, 1)
	}
}

func TestChallengeReturnsToTheShop(t *testing.T) {
	for front, want := range map[string]string{
		"https://shop.example/thanks?a=b": "https://shop.example/thanks?a=b",
		"javascript:alert(1)":             "",
		"/thanks":                         "",
		"http://shop .example":            "",
	} {
		g := closing(t, newGateway(t))
		w := visit(g, pay(t, g, fields{"subject": "3DS", "frontCallbackUrl": front}), "")
		assert.Equal(t, want, w.Header().Get("Location"), front)
		assert.Equal(t, want != "", w.Code == http.StatusSeeOther, front)
		assert.Equal(t, "SUCCESS", orderStatus(t, g))
	}
}

func TestChallengeRefusals(t *testing.T) {
	g := closing(t, newGateway(t))
	order := pay(t, g, fields{"subject": "3DS"})
	path := strings.TrimPrefix(order["redirectUrl"].(string), "http://example.com/sandbox/")
	assert.Equal(t, http.StatusNotFound, sendControl(g, http.MethodGet, "3ds/x", "").Code)
	assert.Equal(t, http.StatusNotFound, sendControl(g, http.MethodGet, "3ds/", "").Code)
	w := sendControl(g, http.MethodPost, path, "")
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, "GET", w.Header().Get("Allow"))
	assert.Equal(t, "PENDING", orderStatus(t, g))
}

func TestBase(t *testing.T) {
	g := newGateway(t)
	r := httptest.NewRequest(http.MethodPost, "http://localhost:8080/", nil)
	assert.Equal(t, "http://localhost:8080", g.base(r))
	r.TLS = &tls.ConnectionState{}
	assert.Equal(t, "https://localhost:8080", g.base(r))
	g.BaseURL = "http://sandbox:9000/"
	assert.Equal(t, "http://sandbox:9000", g.base(r))
}
