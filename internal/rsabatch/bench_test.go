package rsabatch

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"testing"
)

// BenchmarkBatch measures one batch of each size by itself, and reports the time per
// signature as well. Then it measures how long crypto/rsa takes to sign, and to verify, which
// must be added.
func BenchmarkBatch(b *testing.B) {
	needEngine(b)
	key, err := NewKey(someKey())
	if err != nil {
		b.Fatal(err)
	}
	w := new(workspace)
	for size := 1; size <= batchSize; size++ {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var batch []*operation
			for range size {
				batch = append(batch, operationOn(key, randomMessage(key.private)))
			}
			for b.Loop() {
				w.compute(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/signature")
		})
	}
}

func BenchmarkStandardLibrary(b *testing.B) {
	digest := digestOf(0)
	signature, err := rsa.SignPKCS1v15(rand.Reader, someKey(), crypto.SHA256, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			_, _ = rsa.SignPKCS1v15(rand.Reader, someKey(), crypto.SHA256, digest[:])
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			_ = rsa.VerifyPKCS1v15(&someKey().PublicKey, crypto.SHA256, digest[:], signature)
		}
	})
}

// BenchmarkEngine measures an engine as its callers see it, including verification.
func BenchmarkEngine(b *testing.B) {
	needEngine(b)
	key, err := NewKey(someKey())
	if err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			e := newEngine(2, func() { b.Error("a signature did not verify") })
			b.SetParallelism((callers + 1) / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := e.Sign(b.Context(), key, digestOf(0)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
