package validate_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// amountRules returns the rules that an amount in a currency breaks.
func amountRules(t testing.TB, amount, currency string) []string {
	t.Helper()
	data := `{"totalAmount":` + amount + `,"currency":"` + currency + `","country":"ID","userId":"U1"}`
	var broken []string
	for _, v := range rules(t, "1.5").Validate([]byte(data)) {
		broken = append(broken, v.Rule)
	}
	return broken
}

func TestDecimalsJudgeTheValue(t *testing.T) {
	var (
		fits    []string
		tooMany = []string{"decimals"}
	)
	for _, tc := range []struct {
		amount, currency string
		want             []string
	}{
		{"100", "IDR", fits},
		{"100.00", "IDR", fits},
		{"10000.00", "IDR", fits},
		{"1e2", "IDR", fits},
		{"1.5e1", "IDR", fits},
		{"0.0e-5", "IDR", fits},
		{"100.5", "IDR", tooMany},
		{"1e-1", "IDR", tooMany},
		{"15e-1", "IDR", tooMany},
		{"-1.5", "IDR", []string{"minimum", "decimals"}},
		{"19.99", "USD", fits},
		{"19.990", "USD", fits},
		{"1999e-2", "USD", fits},
		{"199900e-4", "USD", fits},
		{"19.999", "USD", tooMany},
		{"0.001", "USD", tooMany},
		{"1999e-3", "USD", tooMany},
		{"1.25", "KWD", fits},
		{"1.250", "KWD", fits},
		{"1.255", "KWD", tooMany},

		// A float64 can represent neither of these.
		{"9007199254740993.01", "USD", fits},
		{"9007199254740993.001", "USD", tooMany},
		{"0.1000000000000000055511151231257827", "USD", tooMany},

		{strings.Repeat("9", 60_000), "IDR", fits},
		{"1." + strings.Repeat("0", 60_000), "IDR", fits},
		{"1." + strings.Repeat("0", 60_000) + "1", "IDR", tooMany},
		{"1" + strings.Repeat("0", 308) + "e-308", "IDR", fits},
		{"1" + strings.Repeat("0", 307) + "e-308", "IDR", tooMany},
		{"0." + strings.Repeat("0", 307) + "1e308", "IDR", fits},
		{"1e0000000000000000000000000000002", "IDR", fits},
	} {
		assert.Equal(t, tc.want, amountRules(t, tc.amount, tc.currency), "%s %s", short(tc.amount), tc.currency)
	}
}

// FuzzDecimals compares the digit counting with exact rational arithmetic.
func FuzzDecimals(f *testing.F) {
	for _, seed := range []string{"0", "-0.0", "100.50", "1e2", "15e-1", "-19.990E+1", "120e-2", "1e308"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		data := `{"totalAmount":` + literal + `,"currency":"USD","country":"ID","userId":"U1"}`
		var got []string
		for _, v := range rules(t, "1.5").Validate([]byte(data)) {
			switch v.Rule {
			case "minimum", "decimals":
				got = append(got, v.Rule)
			default:
				t.Skip() // not a JSON number, or an exponent too large for either side
			}
		}
		value, ok := new(big.Rat).SetString(strings.TrimSpace(literal))
		if !ok {
			t.Skip() // further members after a comma
		}
		var want []string
		if value.Sign() < 0 {
			want = append(want, "minimum")
		}
		if !new(big.Rat).Mul(value, big.NewRat(100, 1)).IsInt() {
			want = append(want, "decimals")
		}
		assert.Equal(t, want, got, literal)
	})
}

func BenchmarkLongAmount(b *testing.B) {
	data := []byte(`{"totalAmount":1.` + strings.Repeat("0", 60_000) + `,"currency":"IDR","country":"ID","userId":"U1"}`)
	s, _ := validate.Lookup("applyDropinSession", "1.5")
	b.ReportAllocs()
	for b.Loop() {
		s.Validate(data)
	}
}
