package notify

import (
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

const paymentNotification = `{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":"app","notifyTime":"2022-01-17T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":"P1","status":"SUCCESS","totalAmount":10000.00}}`

// newHandler returns a handler that verifies with the key of testkeys.Gateway, modified by
// the options.
func newHandler(t *testing.T, options ...func(*Handler)) *Handler {
	t.Helper()
	n := &Handler{GatewayPublicKeys: []string{testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)}}
	for _, option := range options {
		option(n)
	}
	require.NoError(t, testcaddy.Provision(t, n))
	return n
}

// gatewayKeys returns a key ring that verifies with testkeys.Gateway.
func gatewayKeys(t testing.TB) *keys.Ring {
	t.Helper()
	ring, err := keys.Open(keys.Config{GatewayKeys: []*rsa.PublicKey{&testkeys.Gateway().PublicKey}, Logger: zap.NewNop()})
	require.NoError(t, err)
	return ring
}

func ackAfterwards(n *Handler) { n.Ack = "after" }

func guarded(n *Handler) { n.Duplicates = caddy.Duration(time.Hour) }

// notify makes a signed notification.
func notify(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/callback", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	signature, err := signer.Sign(t.Context(), testkeys.Gateway(), []byte(body))
	require.NoError(t, err)
	r.Header.Set("Sign", signature)
	return r
}

// deliver lets the handler serve r in front of the application.
func deliver(t *testing.T, n *Handler, r *http.Request, application caddyhttp.HandlerFunc) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	require.NoError(t, n.ServeHTTP(w, r, application))
	return w
}

// accepting is an application that accepts notifications, and counts them.
func accepting(count *int) caddyhttp.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) error {
		*count++
		_, err := io.WriteString(w, acknowledgement)
		return err
	}
}

// saying is an application that answers 200 with a body.
func saying(body string) caddyhttp.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, body)
		return err
	}
}

// post makes a request to the callback without a signature.
func post(body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/callback", strings.NewReader(body))
}

// counted returns how many notifications have had this result so far.
func counted(t *testing.T, result string) float64 {
	t.Helper()
	return testtool.Counted(t, notifications.WithLabelValues(result))
}
