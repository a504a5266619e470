package sandbox

import (
	"net/http"
	"testing"
)

// FuzzServeHTTP sends any body, signed or not. Whatever it is, the gateway must not panic, must answer in signed JSON,
// and must not accept what was not signed.
//
// The keys are random, so no two runs of one body cover quite the same code: fuzz with -fuzzminimizetime=1x, or the
// time goes into minimizing.
func FuzzServeHTTP(f *testing.F) {
	for _, body := range []string{
		validBody,
		requestBody("1.1", `{"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":false,"componentList":["CARD"]}`),
		requestBody("1.6", `{"totalAmount":"0","mitType":"UNSCHEDULED","currency":"USD","country":"US","userId":"U","componentList":["APM"]}`),
		requestBody("1.5", `{"totalAmount":-1e9,"currency":"KWD","country":"KW","userId":"U","componentList":[null]}`),
		requestBody("1.5", `[[[[]]]]`),
		`{"data":{"data":null},"data":{}}`,
		"null", "", "\xff",
	} {
		f.Add([]byte(body), true)
		f.Add([]byte(body), false)
	}
	g := newGateway(f)
	var seen Call
	g.OnCall = func(c Call) { seen = c }
	// A real signature, but of another body: the nearest that an attacker has.
	foreign := signWith(f, merchantKey(), validBody+" ")

	f.Fuzz(func(t *testing.T, body []byte, signed bool) {
		if len(body) > maxBody || string(body) == validBody+" " {
			t.Skip()
		}
		signature := foreign
		if signed {
			signature = signWith(t, merchantKey(), string(body))
		}
		w := serve(g, newRequest(string(body), signature))
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
		res := readAnswer(t, g, w)
		if res.Code == "" || res.Msg == "" {
			t.Errorf("an answer without code or message: %s", w.Body)
		}
		if !signed && (res.Code == "APPLY_SUCCESS" || seen.Verified) {
			t.Errorf("accepted without a valid signature: %s", body)
		}
	})
}
