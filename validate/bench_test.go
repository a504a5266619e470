package validate_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkValidate measures what every request pays.
func BenchmarkValidate(b *testing.B) {
	for _, bm := range []struct{ name, version, data string }{
		{"1.5", "1.5", `{"totalAmount":100000,"currency":"IDR","country":"ID","userId":"U10001","referralCode":"d41d8cd98f00b204","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}`},
		{"1.6", "1.6", `{"totalAmount":"19.99","mitType":"SCHEDULED","currency":"USD","country":"US","userId":"U10001","tokenForFutureUse":true,"componentList":["CARD","APPLEPAY","GOOGLEPAY"]}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s, data := rules(b, bm.version), []byte(bm.data)
			require.Nil(b, s.Validate(data))
			b.ReportAllocs()
			for b.Loop() {
				s.Validate(data)
			}
		})
	}
}
