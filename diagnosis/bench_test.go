package diagnosis

import (
	"crypto"
	"encoding/base64"
	"testing"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func BenchmarkDiagnose(b *testing.B) {
	key := &testkeys.Merchant().PublicKey
	for name, signed := range map[string]string{"valid": request, "line feed": request + "\n", "other bytes": "unknown"} {
		s := base64.StdEncoding.EncodeToString(signature(b, testkeys.Merchant(), crypto.SHA256, []byte(signed)))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Diagnose(key, []byte(request), s)
			}
		})
	}
	b.Run("wrong key", func(b *testing.B) {
		s := base64.StdEncoding.EncodeToString(signature(b, testkeys.Stranger(), crypto.SHA256, []byte(request)))
		for b.Loop() {
			Diagnose(key, []byte(request), s)
		}
	})
}
