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

// visit opens the page that an order redirects to, or presses the button of a result if that is not "".
func visit(g *Gateway, order map[string]any, result string) *httptest.ResponseRecorder {
	path := order["redirectUrl"].(string)[len("http://example.com"):]
	if result == "" {
		return serve(g, httptest.NewRequest(http.MethodGet, path, nil))
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("result="+result))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return serve(g, r)
}

// Opening the page pays nothing; its buttons pay or refuse.
func TestChallenge(t *testing.T) {
	for _, over := range []fields{
		{"subject": "3DS"},
		{"integrate": "Hosted_Checkout", "paymentDetail": nil, "terminalType": nil},
	} {
		for _, want := range []string{"SUCCESS", "FAILED"} {
			g := closing(t, newGateway(t))
			s := newShop(t)
			order := pay(t, g, over.with(fields{"notifyUrl": s.URL}))
			assert.Regexp(t, `^http://example\.com/sandbox/3ds/[0-9a-f]{32}$`, order["redirectUrl"])
			assert.Equal(t, "PENDING", order["status"])

			w := visit(g, order, "")
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Contains(t, w.Body.String(), "40000 IDR")
			assert.Equal(t, 2, strings.Count(w.Body.String(), "<button"))
			assert.Equal(t, "PENDING", orderStatus(t, g))
			assert.Equal(t, http.StatusBadRequest, visit(g, order, "CLOSED").Code)
			assert.Equal(t, "PENDING", orderStatus(t, g))

			assert.Contains(t, visit(g, order, want).Body.String(), "Order P1642410680681 is "+want)
			assert.Equal(t, want, orderStatus(t, g))
			_, data := readNotification(t, g, s.wait(t, 1)[0])
			assert.Equal(t, want, data["status"])

			// A final state does not change any more.
			other := map[string]string{"SUCCESS": "FAILED", "FAILED": "SUCCESS"}[want]
			assert.Contains(t, visit(g, order, other).Body.String(), "is "+want)
			assert.NotContains(t, visit(g, order, "").Body.String(), "<button")
			require.NoError(t, g.Close(t.Context()))
			s.wait(t, 1)
		}
	}
}

// The URL tells the shop which order comes back, and in which state (page "pageReturn").
func TestChallengeReturnsToTheShop(t *testing.T) {
	for front, want := range map[string]string{
		"https://shop.example/thanks?b=c&a=%20#x": "https://shop.example/thanks?b=c&a=%20&outTradeNo=P1642410680681&status=FAILED&tradeToken=T#x",
		"https://shop.example/thanks":             "https://shop.example/thanks?outTradeNo=P1642410680681&status=FAILED&tradeToken=T",
		"javascript:alert(1)":                     "",
		"/thanks":                                 "",
		"http://shop .example":                    "",

		"myapp://ok":              "myapp://ok?outTradeNo=P1642410680681&status=FAILED&tradeToken=T",
		"myapp://":                "myapp://?outTradeNo=P1642410680681&status=FAILED&tradeToken=T",
		"MyApp://?a=b#x":          "myapp://?a=b&outTradeNo=P1642410680681&status=FAILED&tradeToken=T#x",
		"my.app-1+x:///paid":      "my.app-1+x:///paid?outTradeNo=P1642410680681&status=FAILED&tradeToken=T",
		"javascript://%0aalert":   "",
		"JavaScript://%0aalert":   "",
		"data://text/html,x":      "",
		"data:text/html,x":        "",
		"vbscript://x":            "",
		"file:///etc/passwd":      "",
		"//host/thanks":           "",
		"https:///thanks":         "",
		"myapp:ok":                "",
		"myapp:/x?u=a://b":        "",
		"myapp://ok\r\nX-Evil: 1": "",
		"https://a\nb":            "",
		"://ok":                   "",
	} {
		g := closing(t, newGateway(t))
		order := pay(t, g, fields{"subject": "3DS", "frontCallbackUrl": front})
		assert.Empty(t, visit(g, order, "").Header().Get("Location"), "not yet")
		w := visit(g, order, "FAILED")
		got := strings.Replace(w.Header().Get("Location"), order["tradeToken"].(string), "T", 1)
		assert.Equal(t, want, got, front)
		assert.Equal(t, want != "", w.Code == http.StatusSeeOther, front)
		assert.Equal(t, "FAILED", orderStatus(t, g))
	}
}

func TestChallengeRefusals(t *testing.T) {
	g := closing(t, newGateway(t))
	order := pay(t, g, fields{"subject": "3DS"})
	path := strings.TrimPrefix(order["redirectUrl"].(string), "http://example.com/sandbox/")
	assert.Equal(t, http.StatusNotFound, sendControl(g, http.MethodGet, "3ds/x", "").Code)
	assert.Equal(t, http.StatusNotFound, sendControl(g, http.MethodGet, "3ds/", "").Code)
	w := sendControl(g, http.MethodPut, path, "")
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, "GET, POST", w.Header().Get("Allow"))
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
