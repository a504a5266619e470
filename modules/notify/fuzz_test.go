package notify

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/envelope"
)

// Whatever is posted to a callback, the application gets exactly the notifications that
// PayerMax has signed, unchanged.
func FuzzNotify(f *testing.F) {
	f.Add(true, "", []byte(paymentNotification))
	f.Add(false, "", []byte(paymentNotification))
	f.Add(false, "AAAA", []byte(`{"code":"APPLY_SUCCESS"}`))
	f.Add(true, "", []byte{})
	f.Add(true, "", []byte(`{"code":"APPLY_SUCCESS","msg":"Success.","data":{}}`))
	n := &Handler{MaxBodySize: 1 << 16, logger: zap.NewNop(), keyring: gatewayKeys(f)}
	f.Fuzz(func(t *testing.T, signed bool, signature string, body []byte) {
		if signed {
			signature = notify(t, string(body)).Header.Get("Sign")
		}
		passed := false
		r := httptest.NewRequest(http.MethodPost, "/callback", bytes.NewReader(body))
		r.Header["Sign"] = []string{signature}
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
		err := n.ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			passed = true
			if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("the application gets %q, %v", got, err)
			}
			return nil
		}))
		_, notNotification := envelope.ReadNotification(body)
		if passed != (signed && int64(len(body)) <= n.MaxBodySize && notNotification == nil) {
			t.Fatalf("signed: %t, passed on: %t, %v: %q", signed, passed, err, body)
		}
	})
}
