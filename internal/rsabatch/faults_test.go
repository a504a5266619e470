package rsabatch

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// numbersOf returns all numbers from which a key's signatures are computed, by name.
func numbersOf(k *Key) map[string][]uint64 {
	return map[string][]uint64{
		"p": k.primes[0].modulus[:], "q": k.primes[1].modulus[:],
		"R^2 mod p": k.primes[0].square[:], "R^2 mod q": k.primes[1].square[:],
		"R^3 mod p": k.primes[0].cube[:], "R^3 mod q": k.primes[1].cube[:],
		"2p": k.twiceP[:], "1/q": k.inverseQ[:],
	}
}

// faults counts injected faults by their effect.
type faults struct{ injected, wrong, factoring int }

// sign signs with a broken engine. It requires that the signature is correct all the same,
// and that the engine is off if, and only if, it had computed a wrong one.
func (f *faults) sign(t *testing.T, name string, key *Key, compute func(*workspace, []*operation)) {
	t.Helper()
	failed := 0
	e := newEngine(1, func() { failed++ })
	digest := sha256.Sum256([]byte(name))
	var computed [keyBits / 8]byte
	e.compute = func(w *workspace, batch []*operation) {
		compute(w, batch)
		computed = batch[0].output
	}
	signature, err := e.Sign(t.Context(), key, digest)
	require.NoError(t, err, name)
	public := &key.private.PublicKey
	require.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature), name)
	isWrong := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], computed[:]) != nil
	require.Equal(t, isWrong, e.IsOff(), name)
	require.Equal(t, isWrong, failed == 1, name)
	f.injected++
	if !isWrong {
		return
	}
	f.wrong++
	// From a wrong signature that is correct modulo one of the primes, anyone can compute the
	// key (Boneh, DeMillo and Lipton).
	message := encode(&digest)
	off := new(big.Int).Exp(new(big.Int).SetBytes(computed[:]), big.NewInt(int64(public.E)), public.N)
	off.Sub(off, new(big.Int).SetBytes(message[:]))
	if factor := off.GCD(nil, nil, off.Abs(off), public.N); factor.Cmp(big.NewInt(1)) > 0 && factor.Cmp(public.N) < 0 {
		f.factoring++
	}
}

// A bit is flipped in each limb of each number of a key.
func TestFaultsInConstants(t *testing.T) {
	needEngine(t)
	key, err := NewKey(someKey())
	require.NoError(t, err)
	var f faults
	for name := range numbersOf(key) {
		for limb := range limbs {
			broken := *key
			numbersOf(&broken)[name][limb] ^= 1 << mathrand.IntN(limbBits)
			f.sign(t, name, &broken, (*workspace).compute)
		}
	}
	for i := range key.primes {
		broken := *key
		broken.primes[i].inverse ^= 1 << mathrand.IntN(limbBits)
		f.sign(t, "inverse", &broken, (*workspace).compute)
		for digit := range key.primes[i].digits {
			broken := *key
			broken.primes[i].digits[digit] ^= 1 << mathrand.IntN(windowBits)
			f.sign(t, "digit", &broken, (*workspace).compute)
		}
	}
	t.Logf("%d faults, %d wrong signatures, of which %d give the key away; none left", f.injected, f.wrong, f.factoring)
	assert.Greater(t, f.factoring, f.injected/2, "the faults are not what the test is about")
}

// A bit is flipped in the workspace, between two steps: in the table of powers, in a modulus,
// in a residue, and anywhere else.
func TestFaultsInWorkspace(t *testing.T) {
	needEngine(t)
	key, err := NewKey(someKey())
	require.NoError(t, err)
	var f faults
	parts := map[string]func(*workspace) []uint64{
		"table": func(w *workspace) []uint64 { return w.table[:powers*limbs*narrow.lanes] },
		"a":     func(w *workspace) []uint64 { return w.a[:limbs*narrow.lanes] },
		"modulus": func(w *workspace) []uint64 {
			return w.modulus[:(limbs+1)*narrow.lanes]
		},
	}
	for name, part := range parts {
		for step := range 3 {
			for range 40 {
				flip := func(w *workspace) {
					words := part(w)
					words[mathrand.IntN(len(words))] ^= 1 << mathrand.IntN(limbBits)
				}
				f.sign(t, name, key, func(w *workspace, batch []*operation) {
					steps := []func(){
						func() { w.load(&narrow, batch) }, func() { w.tabulate(&narrow) }, func() { w.exponentiate(&narrow, batch) },
					}
					for i, do := range steps {
						do()
						if i == step {
							flip(w)
						}
					}
					w.recombine(&narrow, batch)
				})
			}
		}
	}
	t.Logf("%d faults, %d wrong signatures, of which %d give the key away; none left", f.injected, f.wrong, f.factoring)
	assert.Greater(t, f.wrong, f.injected/10, "the faults are not what the test is about")
}

// A bit of the signature itself is flipped.
func TestFaultsInResult(t *testing.T) {
	needEngine(t)
	key, err := NewKey(someKey())
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("result"))
	right := newCall(key, digest)
	new(workspace).compute([]*operation{&right.operation})
	var f faults
	for bit := range keyBits {
		f.sign(t, "result", key, func(_ *workspace, batch []*operation) {
			batch[0].output = right.output
			batch[0].output[bit/8] ^= 1 << (bit % 8)
		})
	}
	assert.Equal(t, keyBits, f.wrong)
}
