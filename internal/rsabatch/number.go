package rsabatch

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

const (
	keyBits   = 2048
	primeBits = keyBits / 2

	limbs    = 20 // of a number
	limbBits = 52
	limbMask = 1<<limbBits - 1

	// words is the number of 64-bit words of a number below 2^1024.
	words = primeBits / 64
)

// number is a number below 2^1040, the lowest limb first, each limb below 2^52. Its methods
// take the same time for all numbers: they branch only on the number of limbs, and use only
// those functions of math/bits that promise the same.
type number [limbs]uint64

// numberOf converts a number when a key is loaded; it need not take constant time.
func numberOf(value *big.Int) number {
	var wide [2 * words]uint64
	var bytes [keyBits / 8]byte
	setWords(&wide, (*[keyBits / 8]byte)(value.FillBytes(bytes[:])))
	low, _ := split(&wide)
	return low
}

// setWords reads a big-endian integer into words, the lowest first.
func setWords(wide *[2 * words]uint64, bytes *[keyBits / 8]byte) {
	for i := range wide {
		wide[i] = binary.BigEndian.Uint64(bytes[len(bytes)-8*(i+1):])
	}
}

// split returns wide as low + high*2^1040.
func split(wide *[2 * words]uint64) (low, high number) {
	limb := func(i int) uint64 {
		at, shift := i*limbBits/64, i*limbBits%64
		bits := wide[at] >> shift
		if at+1 < len(wide) {
			bits |= wide[at+1] << (64 - shift)
		}
		return bits & limbMask
	}
	for i := range limbs {
		low[i], high[i] = limb(i), limb(limbs+i)
	}
	return low, high
}

// pack returns the words of a number below 2^1024.
func (a *number) pack() (packed [words]uint64) {
	for i, limb := range a {
		at, shift := i*limbBits/64, i*limbBits%64
		if at < words {
			packed[at] |= limb << shift
		}
		if at+1 < words {
			packed[at+1] |= limb >> (64 - shift)
		}
	}
	return packed
}

// plus returns a + b, which must be below 2^1040.
func (a *number) plus(b *number) (sum number) {
	var carry uint64
	for i := range sum {
		limb := a[i] + b[i] + carry
		sum[i], carry = limb&limbMask, limb>>limbBits
	}
	return sum
}

// minus returns a - b. borrow is 1 if the result would be negative, and otherwise 0.
func (a *number) minus(b *number) (difference number, borrow uint64) {
	for i := range difference {
		limb := a[i] - b[i] - borrow
		difference[i], borrow = limb&limbMask, limb>>63
	}
	return difference, borrow
}

// reduced returns a modulo m, for an a below 2m.
func (a *number) reduced(m *number) (least number) {
	less, isNegative := a.minus(m)
	keep := -isNegative // all ones, or zero
	for i := range least {
		least[i] = a[i]&keep | less[i]&^keep
	}
	return least
}

// multiplyAdd returns a*b + c.
func multiplyAdd(a, b, c *[words]uint64) (result [2 * words]uint64) {
	copy(result[:], c[:])
	for i := range a {
		var carry uint64
		for j := range b {
			high, low := bits.Mul64(a[i], b[j])
			var over uint64
			low, over = bits.Add64(low, result[i+j], 0)
			high += over // this cannot overflow: the product leaves room for two more words
			low, over = bits.Add64(low, carry, 0)
			result[i+j], carry = low, high+over
		}
		result[i+words] = carry
	}
	return result
}
