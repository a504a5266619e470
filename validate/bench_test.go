package validate_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkValidate measures the cost for every request.
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

// BenchmarkOrderAndPay measures the largest table: the order of a Drop-In payment,
// and PayerMax's example for the direct API, which fills in most of it.
func BenchmarkOrderAndPay(b *testing.B) {
	s := lookup(b, "orderAndPay", "1.5")
	for _, e := range officialExamples(b) {
		name, ok := map[string]string{
			"api.json of payermax-server-sdk, March 2026: orderAndPay(for-drop-dont-copy-me)":         "drop-in",
			"api.json of payermax-server-sdk, March 2026: orderAndPay/delSuffixStart1, example 1":     "direct",
			"docs.payermax.com, subscription guide for GOOGLEPAY, plan of the merchant, 1.5, Drop-In": "subscription",
		}[e.Source]
		if !ok {
			continue
		}
		data := e.filledIn()
		require.Nil(b, s.Validate(data))
		b.Run("Validate/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Validate(data)
			}
		})
		b.Run("Amounts/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Amounts(data)
			}
		})
	}
}
