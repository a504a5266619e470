//go:build cgo

package openssl

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// With PKCS #1 v1.5, there is only one signature for each key and message, so the
// signatures of OpenSSL and Go must be the same, byte for byte.
func TestSignaturesAreThoseOfGo(t *testing.T) {
	for name, private := range differentKeys(t) {
		t.Run(name, func(t *testing.T) {
			opened := mustOpen(t, private)
			assert.True(t, private.PublicKey.Equal(opened.Public()))
			for _, message := range differentMessages() {
				digest := sha256.Sum256(message)
				want, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
				require.NoError(t, err)
				got, err := opened.Sign(nil, digest[:], crypto.SHA256)
				require.NoError(t, err)
				require.Equal(t, want, got, "of %d bytes", len(message))
			}
		})
	}
}

// differentKeys returns keys of many sizes and shapes.
func differentKeys(t *testing.T) map[string]*rsa.PrivateKey {
	t.Helper()
	all := map[string]*rsa.PrivateKey{
		"2048 bits":                  testkeys.Merchant(),
		"its primes the other way":   swapped(testkeys.Merchant()),
		"3072 bits":                  testkeys.Large(),
		"4096 bits":                  testkeys.New(4096),
		"2056 bits, not of 64 each":  testkeys.New(2056),
		"2049 bits, not of 8 either": testkeys.New(2049),
		"exponent 3":                 withExponent(t, 3),
		"exponent 2^31-1":            withExponent(t, 1<<31-1),
		"private exponent mod p*q-q": withLongExponent(testkeys.Next()),
	}
	for i := range 20 {
		all[fmt.Sprintf("generated %d", i)] = testkeys.New(2048)
	}
	return all
}

// swapped returns the same key with its primes in the other order.
func swapped(key *rsa.PrivateKey) *rsa.PrivateKey {
	other := &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D, Primes: []*big.Int{key.Primes[1], key.Primes[0]}}
	other.Precompute()
	return other
}

// withExponent returns a key with the given public exponent.
func withExponent(t *testing.T, e int) *rsa.PrivateKey {
	t.Helper()
	one, exponent := big.NewInt(1), big.NewInt(int64(e))
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		require.NoError(t, err)
		q, err := rand.Prime(rand.Reader, 1024)
		require.NoError(t, err)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(exponent, phi)
		n := new(big.Int).Mul(p, q)
		if d == nil || n.BitLen() != 2048 {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: e}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		require.NoError(t, key.Validate())
		return key
	}
}

// withLongExponent returns the same key with d as other software writes it: modulo
// (p-1)(q-1) rather than modulo their least common multiple, or vice versa.
func withLongExponent(key *rsa.PrivateKey) *rsa.PrivateKey {
	one := big.NewInt(1)
	p, q := new(big.Int).Sub(key.Primes[0], one), new(big.Int).Sub(key.Primes[1], one)
	lcm := new(big.Int).Div(new(big.Int).Mul(p, q), new(big.Int).GCD(nil, nil, p, q))
	d := new(big.Int).Add(new(big.Int).Mod(key.D, lcm), lcm)
	other := &rsa.PrivateKey{PublicKey: key.PublicKey, D: d, Primes: key.Primes}
	other.Precompute()
	return other
}

// differentMessages returns messages with lengths around the block sizes of SHA-256, and
// some others.
func differentMessages() [][]byte {
	var all [][]byte
	for _, length := range []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 64 << 10} {
		message := make([]byte, length)
		_, _ = rand.Read(message)
		all = append(all, message, bytes.Repeat([]byte{0xff}, length))
	}
	return all
}

// All other signatures that a crypto.Signer can be asked for are refused.
func TestOtherSignaturesAreRefused(t *testing.T) {
	opened := mustOpen(t, testkeys.Merchant())
	digest := sha256.Sum256(nil)
	for name, try := range map[string]func() ([]byte, error){
		"PSS":                 func() ([]byte, error) { return opened.Sign(nil, digest[:], &rsa.PSSOptions{Hash: crypto.SHA256}) },
		"SHA-1":               func() ([]byte, error) { return opened.Sign(nil, digest[:20], crypto.SHA1) },
		"a digest cut short":  func() ([]byte, error) { return opened.Sign(nil, digest[:31], crypto.SHA256) },
		"no digest":           func() ([]byte, error) { return opened.Sign(nil, nil, crypto.SHA256) },
		"SHA-512's in SHA256": func() ([]byte, error) { return opened.Sign(nil, make([]byte, 64), crypto.SHA256) },
	} {
		t.Run(name, func(t *testing.T) {
			signature, err := try()
			assert.ErrorContains(t, err, "PKCS #1 v1.5 signatures of SHA-256 digests only")
			assert.Empty(t, signature)
		})
	}
}

// The key waits for its turn on this process's CPUs, as keys of crypto/rsa do, since it
// is not a signer.ContextSigner. It is not taken for a key that verifies its own
// signatures.
func TestKeyIsLocalAndIsVerified(t *testing.T) {
	opened := mustOpen(t, testkeys.Merchant())
	_, isRemote := opened.(signer.ContextSigner)
	assert.False(t, isRemote)
	assert.Equal(t, "openssl", keys.Key{Private: opened}.Engine())

	sign, err := signer.Sign(context.Background(), opened, []byte("body"))
	require.NoError(t, err)
	assert.NoError(t, signer.Verify(&testkeys.Merchant().PublicKey, []byte("body"), sign))

	wrong := &key{public: &testkeys.Stranger().PublicKey, evp: opened.(*key).evp}
	_, err = signer.Sign(context.Background(), wrong, []byte("body"))
	assert.ErrorContains(t, err, "its own public key does not verify")
}

// Numbers that do not form a key lead to one of OpenSSL's fixed error texts, which
// repeats none of the numbers.
func TestNumbersThatAreNotAKey(t *testing.T) {
	good := testkeys.Merchant()
	even := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: good.E}, D: good.D}
	opened, err := newKey(even)
	if err == nil {
		_, err = signer.Sign(context.Background(), opened, []byte("body"))
	}
	require.Error(t, err)
	t.Log(err)
	assert.Contains(t, err.Error(), "OpenSSL error ")
	assert.NotRegexp(t, `[0-9A-Fa-f]{20}`, err.Error())
}
