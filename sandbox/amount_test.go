package sandbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAmount(t *testing.T) {
	for _, tt := range []struct {
		raw, currency string
		ok            bool
	}{
		{`10000`, "IDR", true},
		{`100.00`, "IDR", true},
		{`100.5`, "IDR", false},
		{`"100.5"`, "JPY", false},
		{`1e3`, "JPY", true},
		{`1E-1`, "JPY", false},
		{`15e-1`, "USD", true},
		{`1.23`, "KWD", true},
		{`1.230`, "KWD", true},
		{`1.234`, "KWD", false},
		{`"1.234"`, "BHD", false},
		{`19.99`, "USD", true},
		{`1.2345`, "USD", true},
		{`0`, "USD", true},
		{`-0`, "USD", true},
		{`-1`, "USD", false},
		{`12345678901234567890.01`, "USD", true},
		{`90071992547409931.5`, "IDR", false},
		{`1e9`, "USD", true},
		{`1e10`, "USD", false},
		{`1e999999999`, "USD", false},
		{strings.Repeat("9", maxAmountText), "USD", true},
		{strings.Repeat("9", maxAmountText+1), "USD", false},
		{`""`, "USD", false},
		{`" 1"`, "USD", false},
		{`"1 "`, "USD", false},
		{`"+1"`, "USD", false},
		{`".5"`, "USD", false},
		{`"1."`, "USD", false},
		{`"1,5"`, "USD", false},
		{`"0x10"`, "USD", false},
		{`"1/2"`, "USD", false},
		{`"1_000"`, "USD", false},
		{`"NaN"`, "USD", false},
		{`"Inf"`, "USD", false},
		{`"١"`, "USD", false},
		{"\"1\\n\"", "USD", false},
	} {
		t.Run(tt.currency+" "+tt.raw, func(t *testing.T) {
			value, refused := object{"a": []byte(tt.raw)}.amount("a", []string{"string", "number"}, tt.currency)
			if tt.ok {
				assert.Nil(t, refused)
				assert.NotNil(t, value)
				return
			}
			assert.Equal(t, refuse(codeAmountInvalid), refused)
		})
	}
}
