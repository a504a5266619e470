package rsabatch

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// needEngine skips a test that needs the instructions if they are not available.
func needEngine(t testing.TB) {
	t.Helper()
	if err := Supported(); err != nil {
		t.Skip("there is no engine to test here: " + err.Error())
	}
}

const exponent = 65537

// someKey is a key as crypto/rsa generates it.
var someKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		panic(err)
	}
	return key
})

// isLong reports whether the tests run longer, as .ci/run does with SOAK_DURATION=10m.
func isLong() bool {
	duration, err := time.ParseDuration(os.Getenv("SOAK_DURATION"))
	return err == nil && duration >= time.Minute
}

// somePrimes are primes, several of each kind, for keys with extreme numbers: with most limbs
// all ones; with most limbs zero; just above 2^1023.5, the smallest that fit with any other
// prime; the smallest of 1024 bits, which make a key only with the largest ones; and
// arbitrary ones. They are the same on each run.
var somePrimes = sync.OnceValue(func() []*big.Int {
	each := 5
	if isLong() {
		each = 12
	}
	power := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	root := new(big.Int).Sqrt(power(2*primeBits - 1))
	arbitrary := new(big.Int).SetBit(new(big.Int).SetBit(arbitraryBits(), primeBits-1, 1), primeBits-2, 1)
	var primes []*big.Int
	for i := range each {
		// crypto/rsa refuses primes that differ by less than 2^924.
		apart := new(big.Int).Mul(big.NewInt(int64(i)), power(930))
		primes = append(primes,
			primeFrom(new(big.Int).Sub(new(big.Int).Sub(power(primeBits), apart), big.NewInt(1)), -2),
			primeFrom(new(big.Int).Add(root, apart), 2),
			primeFrom(new(big.Int).Add(new(big.Int).Mul(big.NewInt(3), power(primeBits-2)), apart), 2),
			primeFrom(new(big.Int).Add(power(primeBits-1), apart), 2),
			primeFrom(new(big.Int).Add(arbitrary, apart), 2),
		)
	}
	return primes
})

// arbitraryBits returns 1,024 bits without a pattern.
func arbitraryBits() *big.Int {
	var all []byte
	for i := range byte(primeBits / 256) {
		block := sha256.Sum256([]byte{i})
		all = append(all, block[:]...)
	}
	return new(big.Int).SetBytes(all)
}

// primeFrom returns the nearest prime, in one direction, that is suitable for the exponent.
func primeFrom(start *big.Int, step int64) *big.Int {
	candidate := new(big.Int).SetBit(start, 0, 1)
	for !candidate.ProbablyPrime(0) || new(big.Int).Mod(candidate, big.NewInt(exponent)).Int64() == 1 {
		candidate.Add(candidate, big.NewInt(step))
	}
	return candidate
}

// someKeys returns all keys that can be made from the primes, with either order of the two:
// about 400, or 2,300 if the tests run longer. Generating as many at random would take an
// hour.
var someKeys = sync.OnceValue(func() []*Key {
	var keys []*Key
	for _, p := range somePrimes() {
		for _, q := range somePrimes() {
			if p.Cmp(q) == 0 || new(big.Int).Mul(p, q).BitLen() != keyBits {
				continue
			}
			key, err := NewKey(keyOf(p, q))
			if err != nil {
				panic(err)
			}
			keys = append(keys, key)
		}
	}
	return keys
})

func keyOf(primes ...*big.Int) *rsa.PrivateKey {
	one, n, phi := big.NewInt(1), big.NewInt(1), big.NewInt(1)
	for _, prime := range primes {
		n.Mul(n, prime)
		phi.Mul(phi, new(big.Int).Sub(prime, one))
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: exponent},
		D:         new(big.Int).ModInverse(big.NewInt(exponent), phi),
		Primes:    slices.Clone(primes),
	}
	key.Precompute()
	return key
}

// edges returns the messages at which the arithmetic could go wrong: the ends of the range,
// multiples of one of the primes, numbers that are 1 or -1 modulo one of the primes or
// congruent to one of its ends, and numbers at the end of a limb or of a half.
func edges(key *rsa.PrivateKey) []*big.Int {
	p, q, n := key.Primes[0], key.Primes[1], key.N
	var all []*big.Int
	for _, around := range []*big.Int{
		new(big.Int), p, q, new(big.Int).Lsh(p, 1), new(big.Int).Lsh(q, 1), new(big.Int).Mul(p, p), new(big.Int).Mul(q, q),
		n, new(big.Int).Sub(n, p), new(big.Int).Sub(n, q), new(big.Int).Rsh(n, 1),
		new(big.Int).Lsh(big.NewInt(1), limbBits), new(big.Int).Lsh(big.NewInt(1), primeBits),
		new(big.Int).Lsh(big.NewInt(1), limbs*limbBits), new(big.Int).Lsh(big.NewInt(1), keyBits-1),
	} {
		for _, by := range []int64{-2, -1, 0, 1, 2} {
			message := new(big.Int).Add(around, big.NewInt(by))
			if message.Sign() >= 0 && message.Cmp(n) < 0 {
				all = append(all, message)
			}
		}
	}
	return all
}

// randomMessage returns a random message for the key.
func randomMessage(key *rsa.PrivateKey) *big.Int {
	message, err := rand.Int(rand.Reader, key.N)
	if err != nil {
		panic(err)
	}
	return message
}

// operationOn returns the private operation on a message.
func operationOn(key *Key, message *big.Int) *operation {
	op := &operation{key: key}
	message.FillBytes(op.input[:])
	return op
}

// requireDone checks the results: the private operation is a permutation, and the public
// operation is its inverse.
func requireDone(t testing.TB, batch []*operation) {
	t.Helper()
	for lane, op := range batch {
		public, result := &op.key.private.PublicKey, new(big.Int).SetBytes(op.output[:])
		require.Negative(t, result.Cmp(public.N), "lane %d of %d: the result is not reduced", lane, len(batch))
		opened := new(big.Int).Exp(result, big.NewInt(exponent), public.N)
		require.Zero(t, opened.Cmp(new(big.Int).SetBytes(op.input[:])), "lane %d of %d: the result is wrong", lane, len(batch))
	}
}
