package lookalike

import "unicode/utf8"

// Numbers are the numbers by which fastjson and fastjson2 may identify a member's name.
type Numbers [6]uint64

// FNV-1a with 64 bits, which both compute over UTF-16 code units.
const (
	fnvBasis = 0xcbf29ce484222325
	fnvPrime = 0x100000001b3
)

// NumbersOf returns the numbers of a name. A parser that has no member with exactly this
// name looks for one with the same number, without comparing the names (fastjson 1.2.83:
// JavaBeanDeserializer.smartMatch with TypeUtils.fnv1a_64_lower and fnv1a_64_extract;
// fastjson2: ObjectReader.getFieldReader with Fnv). Two names do not have the same number
// by accident, but such names are easily constructed: in fastjson2, up to eight
// characters are their own number.
func NumbersOf(name []byte) Numbers {
	exact, lower, bare, dense := newNumber(), newNumber(), newNumber(), newNumber()
	var packed, packedDense packing
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		name = name[size:]
		folded := r
		if 'A' <= r && r <= 'Z' {
			folded += 'a' - 'A'
		}
		exact.add(r)
		packed.add(r)
		lower.add(folded)
		if r == '_' || r == '-' {
			continue
		}
		bare.add(folded)
		if r == ' ' {
			continue
		}
		dense.add(folded)
		packedDense.add(folded)
	}
	return Numbers{
		uint64(exact), uint64(lower), uint64(bare), uint64(dense),
		packed.or(exact), packedDense.or(dense),
	}
}

// number is an FNV-1a hash, computed character by character.
type number uint64

func newNumber() number { return fnvBasis }

// add hashes a character. A character beyond the basic plane is hashed as its two
// surrogates.
func (n *number) add(r rune) {
	if r > 0xffff {
		r -= 0x10000
		n.add(0xd800 + r>>10)
		r = 0xdc00 + r&0x3ff
	}
	*n = (*n ^ number(r)) * fnvPrime
}

// packing holds up to eight one-byte characters, the first one in the lowest byte.
type packing struct {
	value   uint64
	count   int
	tooWide bool
}

func (p *packing) add(r rune) {
	if p.count == 8 || r > 0xff || p.count == 0 && r == 0 {
		p.tooWide = true
		return
	}
	p.value |= uint64(r) << (8 * p.count)
	p.count++
}

// or returns the packed characters, or the hash n if there are none or they cannot be
// packed.
func (p *packing) or(n number) uint64 {
	if p.tooWide || p.value == 0 {
		return uint64(n)
	}
	return p.value
}
