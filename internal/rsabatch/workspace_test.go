package rsabatch

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuick(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	k, err := NewKey(key)
	require.NoError(t, err)
	for n := 1; n <= 4; n++ {
		var batch []*operation
		for range n {
			m, _ := rand.Int(rand.Reader, key.N)
			op := &operation{key: k}
			m.FillBytes(op.input[:])
			batch = append(batch, op)
		}
		w := new(workspace)
		assert.Zero(t, uintptr(unsafe.Pointer(w))%64)
		w.compute(batch)
		for _, op := range batch {
			want := new(big.Int).Exp(new(big.Int).SetBytes(op.input[:]), key.D, key.N)
			assert.Equal(t, want.Text(16), new(big.Int).SetBytes(op.output[:]).Text(16), n)
		}
	}
}

func BenchmarkCompute(b *testing.B) {
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	k, _ := NewKey(key)
	w := new(workspace)
	for n := 1; n <= 4; n++ {
		b.Run(string(rune('0'+n)), func(b *testing.B) {
			var batch []*operation
			for range n {
				m, _ := rand.Int(rand.Reader, key.N)
				op := &operation{key: k}
				m.FillBytes(op.input[:])
				batch = append(batch, op)
			}
			for b.Loop() {
				w.compute(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/sig")
		})
	}
	b.Run("crypto/rsa", func(b *testing.B) {
		for b.Loop() {
			rsa.SignPKCS1v15(nil, key, 0, make([]byte, 32))
		}
	})
}
