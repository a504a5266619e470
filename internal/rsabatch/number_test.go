package rsabatch

import (
	"math/big"
	mathrand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The results are those of math/big.
func TestNumber(t *testing.T) {
	source := mathrand.New(mathrand.NewPCG(3, 4))
	for range 5000 {
		a, b, c := extremeNumber(source, primeBits), extremeNumber(source, primeBits), extremeNumber(source, primeBits)
		require.Equal(t, a, numberOf(a.big()))
		sum := a.plus(&b)
		require.Zero(t, sum.big().Cmp(new(big.Int).Add(a.big(), b.big())))

		difference, borrow := a.minus(&b)
		want := new(big.Int).Sub(a.big(), b.big())
		require.Equal(t, want.Sign() < 0, borrow == 1)
		require.Zero(t, difference.big().Cmp(want.Mod(want, new(big.Int).Lsh(big.NewInt(1), limbs*limbBits))))

		m := extremeNumber(source, primeBits)
		m[limbs-1] |= 1 << (primeBits - 1 - (limbs-1)*limbBits)
		if a.big().Cmp(new(big.Int).Lsh(m.big(), 1)) < 0 {
			least := a.reduced(&m)
			require.Zero(t, least.big().Cmp(new(big.Int).Mod(a.big(), m.big())))
		}
		least := m.reduced(&m)
		require.Equal(t, number{}, least)

		x, y, z := a.pack(), b.pack(), c.pack()
		got := multiplyAdd(&x, &y, &z)
		want.Mul(a.big(), b.big())
		want.Add(want, c.big())
		low, high := split(&got)
		require.Zero(t, want.Cmp(new(big.Int).Add(low.big(), new(big.Int).Lsh(high.big(), limbs*limbBits))))
	}
}
