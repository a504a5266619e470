package lookalike

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The numbers are the ones that the parsers compute: FNV's published test vectors, and
// packed characters.
func TestNumbersOf(t *testing.T) {
	numbers := func(name string) Numbers { return NumbersOf([]byte(name)) }
	assert.EqualValues(t, uint64(0x85944171f73967e8), numbers("foobar")[0])
	assert.EqualValues(t, uint64(0xaf63dc4c8601ec8c), numbers("a")[0])
	assert.EqualValues(t, 'a', numbers("a")[4])
	assert.EqualValues(t, 'a'|'b'<<8, numbers("A_ B")[5])
	assert.Equal(t, numbers("totalAmount")[0], numbers("totalAmount")[4], "too long to be packed")

	assert.Equal(t, numbers("totalAmount")[1], numbers("TOTALAMOUNT")[1])
	assert.Equal(t, numbers("totalAmount")[2], numbers("total_Am-ount")[2])
	assert.Equal(t, numbers("totalAmount")[3], numbers(" total_Am-ount")[3])
	assert.NotEqual(t, numbers("totalAmount")[2], numbers(" totalAmount")[2])

	// Edge cases: the first and last letters, one-byte characters, NUL at the beginning, and
	// the last character of the basic plane.
	assert.Equal(t, numbers("azaz")[1], numbers("AZAZ")[1])
	assert.NotEqual(t, numbers("[")[1], numbers("{")[1], "the characters after Z and z are no letters")
	assert.NotEqual(t, numbers("@")[1], numbers("`")[1], "nor are those before A and a")
	assert.EqualValues(t, 0xff, numbers("ÿ")[4])
	assert.Equal(t, numbers("Ā")[0], numbers("Ā")[4], "too wide to be packed")
	assert.Equal(t, numbers("\x00a")[0], numbers("\x00a")[4], "it would be that of a shorter name")
	assert.EqualValues(t, 'a'|'b'<<16, numbers("a\x00b")[4])
	assert.EqualValues(t, (fnvBasisOf^0xffff)*fnvPrimeOf, numbers("\uffff")[0])

	// A character beyond the basic plane counts as two.
	assert.EqualValues(t, uint64(((fnvBasisOf^0xd83d)*fnvPrimeOf^0xde00)*fnvPrimeOf), numbers("😀")[0])
}

// The constants as variables, since constant arithmetic would overflow.
var fnvBasisOf, fnvPrimeOf uint64 = fnvBasis, fnvPrime

// colliding returns eight characters that fastjson2 takes for a longer name.
func colliding(name string) string {
	var characters []rune
	for _, b := range binary.LittleEndian.AppendUint64(nil, NumbersOf([]byte(name))[0]) {
		characters = append(characters, rune(b))
	}
	return string(characters)
}

func TestNumbersCollide(t *testing.T) {
	const name = "totalAmount"
	assert.Equal(t, NumbersOf([]byte(name))[0], NumbersOf([]byte(colliding(name)))[4])
	assert.NotEqual(t, Fold(name), Fold(colliding(name)))
}
