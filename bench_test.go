package payermax

import (
	"context"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// BenchmarkHandler is a whole call but for the network: read, validated, filled,
// signed, answered and the answer verified.
func BenchmarkHandler(b *testing.B) {
	const answer = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"clientKey":"37114858239eur2384237r810482390","sessionKey":"bdsf8982348974hhf82934bf8239424","notSupportedComponent":[]}}`
	signature, err := signer.Sign(context.Background(), gatewayKey(), []byte(answer))
	if err != nil {
		b.Fatal(err)
	}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Sign", signature)
		_, err := io.WriteString(w, answer)
		return err
	})

	for name, gateway := range map[string][]*rsa.PublicKey{"unchecked": nil, "verified": {&gatewayKey().PublicKey}} {
		b.Run(name, func(b *testing.B) {
			h := &Handler{Merchant: Merchant{AppID: "app"}, Sandbox: true}
			ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
			defer cancel()
			if err := h.Provision(ctx); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = h.Cleanup() }()
			h.sandbox, h.logger = nil, zap.NewNop()
			h.merchants.only.keyring.current.Load().gateway = gateway

			b.ReportAllocs()
			for b.Loop() {
				r := post(sessionBody)
				r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
				w := httptest.NewRecorder()
				if err := h.ServeHTTP(w, r, next); err != nil || w.Code != http.StatusOK {
					b.Fatal(w.Body.String(), err)
				}
			}
		})
	}
}
