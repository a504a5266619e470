package rsabatch

import (
	"math/big"
	mathrand "math/rand/v2"
	"testing"
)

// For any messages and keys, the results are those of the definition.
func FuzzPrivateOperation(f *testing.F) {
	needEngine(f)
	keys := someKeys()
	f.Add(uint64(0), []byte{}, []byte{1}, []byte{2}, []byte{3})
	for i, message := range edges(keys[0].private) {
		f.Add(uint64(i), message.Bytes(), message.Bytes(), []byte{}, []byte{255})
	}
	f.Fuzz(func(t *testing.T, choice uint64, first, second, third, fourth []byte) {
		var batch []*operation
		for i, bytes := range [][]byte{first, second, third, fourth}[:1+choice%batchSize] {
			key := keys[(choice>>(8*i))%uint64(len(keys))]
			message := new(big.Int).SetBytes(bytes[:min(len(bytes), keyBits/8+8)])
			batch = append(batch, operationOn(key, message.Mod(message, key.private.N)))
		}
		new(workspace).compute(batch)
		requireDone(t, batch)
	})
}

// For any factors and moduli within their bounds, the arithmetic is correct.
func FuzzArithmetic(f *testing.F) {
	needEngine(f)
	f.Add(uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		source := mathrand.New(mathrand.NewPCG(a, b))
		testArithmetic(t, &wide, source)
		testArithmetic(t, &narrow, source)
	})
}
