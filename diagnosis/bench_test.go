package diagnosis

import (
	"crypto"
	"encoding/base64"
	"testing"
)

func BenchmarkDiagnose(b *testing.B) {
	key := &merchantKey().PublicKey
	for name, signed := range map[string]string{"valid": request, "line feed": request + "\n", "other bytes": "unknown"} {
		s := base64.StdEncoding.EncodeToString(signature(b, merchantKey(), crypto.SHA256, []byte(signed)))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Diagnose(key, []byte(request), s)
			}
		})
	}
	b.Run("wrong key", func(b *testing.B) {
		s := base64.StdEncoding.EncodeToString(signature(b, strangerKey(), crypto.SHA256, []byte(request)))
		for b.Loop() {
			Diagnose(key, []byte(request), s)
		}
	})
}
