package envelope

import "testing"

// typical is a typical applyDropinSession request of an application.
const typical = `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001","referralCode":"d520d8f51c23","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}}`

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read([]byte(typical)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	e, err := Read([]byte(typical))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Fill(someone, someDay)
	}
}
