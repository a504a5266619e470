package rsabatch

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// Keys with extreme primes, with p above and below q, mixed within each batch, in batches of
// all sizes.
func TestPrivateOperationOfManyKeys(t *testing.T) {
	needEngine(t)
	keys := slices.Clone(someKeys())
	mathrand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	require.Greater(t, len(keys), 400)
	w, size, smaller := new(workspace), 0, 0
	for rest := keys; len(rest) > 0; {
		size = size%batchSize + 1
		var batch []*operation
		for _, key := range rest[:min(size, len(rest))] {
			batch = append(batch, operationOn(key, randomMessage(key.private)))
			if key.private.Primes[0].Cmp(key.private.Primes[1]) < 0 {
				smaller++
			}
		}
		w.compute(batch)
		requireDone(t, batch)
		rest = rest[len(batch):]
	}
	assert.Equal(t, len(keys)/2, smaller)
	t.Logf("%d keys, of which %d have p < q", len(keys), smaller)
}

// Each edge case with each kind of key, in each lane.
func TestPrivateOperationOfEdges(t *testing.T) {
	needEngine(t)
	w, messages := new(workspace), 0
	keys := someKeys()
	for i := 0; i < len(keys); i += 40 {
		key := keys[i]
		all := edges(key.private)
		messages += len(all)
		for size := 1; size <= batchSize; size++ {
			for batch := range slices.Chunk(all, size) {
				var operations []*operation
				for _, message := range batch {
					operations = append(operations, operationOn(key, message))
				}
				w.compute(operations)
				requireDone(t, operations)
			}
		}
	}
	t.Logf("%d edges, in batches of 1 to %d", messages, batchSize)
}

// The results equal those of math/big's exponentiation with the whole private exponent,
// including results with leading zeros.
func TestPrivateOperationAgainstBig(t *testing.T) {
	needEngine(t)
	w, private := new(workspace), someKey()
	key, err := NewKey(private)
	require.NoError(t, err)
	for range 20 {
		op := operationOn(key, randomMessage(private))
		w.compute([]*operation{op})
		want := new(big.Int).Exp(new(big.Int).SetBytes(op.input[:]), private.D, private.N)
		require.Equal(t, want.Text(16), new(big.Int).SetBytes(op.output[:]).Text(16))
	}
	for _, result := range []*big.Int{new(big.Int), big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 1000), new(big.Int).Rsh(private.N, 9)} {
		op := operationOn(key, new(big.Int).Exp(result, big.NewInt(exponent), private.N))
		w.compute([]*operation{op})
		require.Equal(t, result.Text(16), new(big.Int).SetBytes(op.output[:]).Text(16))
	}
}

// Signatures are byte for byte those of crypto/rsa.
func TestSignaturesAgainstStandardLibrary(t *testing.T) {
	needEngine(t)
	w, keys := new(workspace), someKeys()
	for i := 0; i < len(keys); i += 29 {
		var digest [sha256.Size]byte
		_, err := rand.Read(digest[:])
		require.NoError(t, err)
		c := newCall(keys[i], digest)
		w.compute([]*operation{&c.operation})
		want, err := rsa.SignPKCS1v15(rand.Reader, keys[i].private, crypto.SHA256, digest[:])
		require.NoError(t, err)
		require.Equal(t, want, c.output[:])
	}
}

// Signatures are byte for byte those of OpenSSL.
func TestSignaturesAgainstOpenSSL(t *testing.T) {
	needEngine(t)
	openssl := testtool.Find(t, "openssl")
	w, keys, folder := new(workspace), someKeys(), t.TempDir()
	file := filepath.Join(folder, "key.pem")
	for i := 0; i < len(keys); i += len(keys) / 40 {
		text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(keys[i].private)})
		require.NoError(t, os.WriteFile(file, text, 0o600))
		body := []byte(rand.Text())
		cmd := exec.Command(openssl, "dgst", "-sha256", "-sign", file)
		cmd.Stdin = bytes.NewReader(body)
		want, err := cmd.Output()
		require.NoError(t, err)
		c := newCall(keys[i], sha256.Sum256(body))
		w.compute([]*operation{&c.operation})
		require.Equal(t, want, c.output[:])
	}
}

// Vectors that straddle cache lines would take twice as long to load.
func TestWorkspaceIsAligned(t *testing.T) {
	w := new(workspace)
	for name, at := range map[string]unsafe.Pointer{
		"table": unsafe.Pointer(&w.table), "columns": unsafe.Pointer(&w.columns), "modulus": unsafe.Pointer(&w.modulus),
		"a": unsafe.Pointer(&w.a), "b": unsafe.Pointer(&w.b), "c": unsafe.Pointer(&w.c), "index": unsafe.Pointer(&w.index),
	} {
		assert.Zero(t, uintptr(at)%64, name)
	}
}
