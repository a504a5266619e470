package rsabatch

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

// Key is a private key that is ready to sign in batches. It is immutable, and safe for use by
// any number of goroutines and engines.
type Key struct {
	private *rsa.PrivateKey
	// primes are p and q. Either may be the larger one.
	primes [2]prime
	// twiceP is 2p.
	twiceP number
	// inverseQ is 1/q modulo p, in Montgomery form.
	inverseQ number
}

// prime holds the precomputed numbers of one of the primes.
type prime struct {
	modulus number
	// inverse is -1/modulus modulo 2^52.
	inverse uint64
	// square and cube are R^2 and R^3 modulo the prime, where R is 2^1040.
	square, cube number
	// digits are the base-16 digits of the exponent, d modulo (prime - 1), the lowest first.
	digits [primeBits / windowBits]uint8
}

const (
	// windowBits is how many bits of an exponent are processed at once. With five, the table
	// of powers would not fit into a first-level cache of 32 KiB.
	windowBits = 4
	powers     = 1 << windowBits
)

// NewKey prepares a key. If this package cannot sign with it, the error says why: the key
// must have 2048 bits and two primes of 1024 bits. The numbers of the key are checked. The
// preparation itself need not take the same time for all keys, since it is done once.
func NewKey(private *rsa.PrivateKey) (*Key, error) {
	switch bits := private.N.BitLen(); {
	case bits != keyBits:
		return nil, fmt.Errorf("the key has %d bits, and batches are for %d", bits, keyBits)
	case len(private.Primes) != 2:
		return nil, fmt.Errorf("the key has %d primes, and batches are for two", len(private.Primes))
	}
	p, q := private.Primes[0], private.Primes[1]
	if p.BitLen() != primeBits || q.BitLen() != primeBits {
		return nil, fmt.Errorf("the key's primes have %d and %d bits, and batches are for %d each", p.BitLen(), q.BitLen(), primeBits)
	}
	if private.Validate() != nil { // its error text might quote the key
		return nil, errors.New("the key's numbers do not fit together")
	}
	return prepare(private), nil
}

// prepare computes the numbers that follow from a key.
func prepare(private *rsa.PrivateKey) *Key {
	p, q := private.Primes[0], private.Primes[1]
	inverse := new(big.Int).ModInverse(q, p)
	return &Key{
		private:  private,
		primes:   [2]prime{newPrime(p, private.D), newPrime(q, private.D)},
		twiceP:   numberOf(new(big.Int).Lsh(p, 1)),
		inverseQ: numberOf(inverse.Mod(inverse.Lsh(inverse, limbs*limbBits), p)),
	}
}

func newPrime(p, d *big.Int) prime {
	one := big.NewInt(1)
	power := func(n uint) number { // R^n
		r := new(big.Int).Lsh(one, n*limbs*limbBits)
		return numberOf(r.Mod(r, p))
	}
	limb := new(big.Int).Lsh(one, limbBits)
	inverse := new(big.Int).ModInverse(p, limb)
	prepared := prime{
		modulus: numberOf(p),
		inverse: inverse.Sub(limb, inverse).Uint64(),
		square:  power(2),
		cube:    power(3),
	}
	exponent := new(big.Int).Mod(d, new(big.Int).Sub(p, one))
	for i := range prepared.digits {
		for bit := range windowBits {
			prepared.digits[i] |= uint8(exponent.Bit(windowBits*i+bit)) << bit
		}
	}
	return prepared
}
