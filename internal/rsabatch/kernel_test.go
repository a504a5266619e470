package rsabatch

import (
	"math/big"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// big converts the number to a big.Int.
func (a *number) big() *big.Int {
	value := new(big.Int)
	for i := limbs - 1; i >= 0; i-- {
		value.Lsh(value, limbBits).Or(value, new(big.Int).SetUint64(a[i]))
	}
	return value
}

// extremeNumber returns a number below 2^bits whose limbs are zero, all ones, at an end of
// their range, or random.
func extremeNumber(source *mathrand.Rand, bits int) (value number) {
	for i := range value {
		switch source.IntN(5) {
		case 0:
		case 1:
			value[i] = limbMask
		case 2:
			value[i] = 1
		case 3:
			value[i] = limbMask - 1
		default:
			value[i] = source.Uint64() & limbMask
		}
		value[i] &= 1<<min(limbBits, max(0, bits-i*limbBits)) - 1
	}
	return value
}

// lanesOf returns a workspace with different factors and moduli in each lane, as extreme as
// the bounds allow: factors below four times the modulus's own bound.
func lanesOf(source *mathrand.Rand, k *kernel) (w *workspace, a, b, m []number) {
	w = new(workspace)
	for lane := range k.lanes {
		modulus := extremeNumber(source, primeBits)
		modulus[0] |= 1
		modulus[limbs-1] |= 1 << (primeBits - 1 - (limbs-1)*limbBits)
		x, y := extremeNumber(source, primeBits), extremeNumber(source, primeBits)
		for i, limb := range modulus {
			w.modulus[i*k.lanes+lane] = limb
		}
		limb := new(big.Int).Lsh(big.NewInt(1), limbBits)
		inverse := new(big.Int).ModInverse(modulus.big(), limb)
		w.modulus[limbs*k.lanes+lane] = inverse.Sub(limb, inverse).Uint64()
		k.put(lane, &x, &w.a)
		k.put(lane, &y, &w.b)
		a, b, m = append(a, x), append(b, y), append(m, modulus)
	}
	return w, a, b, m
}

// requireProduct checks that got is congruent to a*b/2^1040 modulo m, is below 2m, and has
// limbs within their range.
func requireProduct(t testing.TB, a, b, m, got number) {
	t.Helper()
	for i, limb := range got {
		require.LessOrEqual(t, limb, uint64(limbMask), "limb %d", i)
	}
	modulus := m.big()
	require.Negative(t, got.big().Cmp(new(big.Int).Lsh(modulus, 1)), "the product is too large")
	want := new(big.Int).Mul(a.big(), b.big())
	product := new(big.Int).Lsh(got.big(), limbs*limbBits)
	require.Zero(t, want.Sub(want, product).Mod(want, modulus).Sign(), "the product is wrong")
}

func testArithmetic(t testing.TB, k *kernel, source *mathrand.Rand) {
	w, a, b, m := lanesOf(source, k)
	k.multiply(&w.c[0], &w.a[0], &w.b[0], &w.modulus[0])
	for lane := range k.lanes {
		requireProduct(t, a[lane], b[lane], m[lane], k.get(lane, &w.c))
	}
	k.square(&w.c[0], &w.a[0], &w.modulus[0], &w.columns[0])
	for lane := range k.lanes {
		requireProduct(t, a[lane], a[lane], m[lane], k.get(lane, &w.c))
	}
	k.multiply(&w.b[0], &w.a[0], &w.b[0], &w.modulus[0])
	k.square(&w.a[0], &w.a[0], &w.modulus[0], &w.columns[0])
	for lane := range k.lanes {
		require.Equal(t, k.get(lane, &w.c), k.get(lane, &w.a), "in place")
		requireProduct(t, a[lane], b[lane], m[lane], k.get(lane, &w.b))
	}
}

func kernels() map[string]*kernel { return map[string]*kernel{"wide": &wide, "narrow": &narrow} }

func TestArithmetic(t *testing.T) {
	needEngine(t)
	for name, k := range kernels() {
		t.Run(name, func(t *testing.T) {
			source := mathrand.New(mathrand.NewPCG(1, 2))
			for range 1000 {
				testArithmetic(t, k, source)
			}
		})
	}
}

// Each lane chooses independently, and nothing is written outside the result.
func TestChoose(t *testing.T) {
	needEngine(t)
	for name, k := range kernels() {
		t.Run(name, func(t *testing.T) {
			w := new(workspace)
			for i := range w.table {
				w.table[i] = mathrand.Uint64()
			}
			for n := range 256 {
				for lane := range w.index {
					w.index[lane] = uint64(n>>lane^n*lane) % powers
				}
				w.b = vector{}
				k.choose(&w.b[0], &w.table[0], &w.index[0])
				for i, limb := range w.b {
					if i >= limbs*k.lanes {
						require.Zero(t, limb)
						continue
					}
					require.Equal(t, w.table[int(w.index[i%k.lanes])*limbs*k.lanes+i], limb)
				}
			}
		})
	}
}
