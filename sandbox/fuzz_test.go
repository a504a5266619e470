package sandbox

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// FuzzServeHTTP sends any body, signed or not, to any interface. The gateway must not panic, must answer with signed
// JSON, and must not accept an unsigned request, or one of a service provider without its token.
//
// The keys are random, so no two runs of one body cover exactly the same code: fuzz with -fuzzminimizetime=1x, or most
// of the time is spent minimizing.
func FuzzServeHTTP(f *testing.F) {
	g, err := New(testkeys.Gateway(),
		Merchant{AppID: testAppID, MerchantNo: testMerchantNo, PublicKey: &testkeys.Merchant().PublicKey},
		Merchant{AppID: "provider", SPMerchantNo: testProvider, MerchantAuthToken: testAuthToken, PublicKey: &testkeys.Merchant().PublicKey})
	if err != nil {
		f.Fatal(err)
	}
	closing(f, g)
	g.Clock = newGateway(f).Clock
	g.TimeScale = 1e9
	g.AllowNotify = func(*url.URL) bool { return false }
	var seen Call
	g.OnCall = func(c Call) { seen = c }
	names := append(slices.Sorted(maps.Keys(endpoints)), unsimulated...)

	session := openSession(f, g)
	detail := detailFields(session).with(fields{"tokenForFutureUse": true, "mitType": "SCHEDULED", "paymentToken": "SANDBOX_3DS"})
	for endpoint, bodies := range map[string][]string{
		"applyDropinSession": {
			validBody,
			requestBody("1.1", `{"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":false,"componentList":["CARD"]}`),
			requestBody("1.6", `{"totalAmount":"0","mitType":"UNSCHEDULED","currency":"USD","country":"US","userId":"U","componentList":["APM"]}`),
			requestBody("1.5", `{"totalAmount":-1e9,"currency":"KWD","country":"KW","userId":"U","componentList":[null]}`),
			requestBody("1.5", `[[[[]]]]`),
			`{"data":{"data":null},"data":{}}`,
			"null", "", "\xff",
		},
		"orderAndPay": {
			requestBody("1.4", orderFields(session).String()),
			requestBody("1.5", orderFields(session).with(fields{
				"outTradeNo": "P2", "paymentDetail": detail, "expireTime": "7200", "notifyUrl": "http://localhost/",
			}).String()),
			requestBody("1.1", `{"paymentDetail":{"buyerInfo":null}}`),
			requestBody("1.4", orderFields(session).with(fields{
				"outTradeNo": "P3", "captureMode": "MANUAL", "authorizationType": "FINAL_AUTH",
				"paymentDetail": detail.with(fields{"paymentToken": "SANDBOX_CAPTURE_PENDING"}),
			}).String()),
		},
		"orderQuery": {requestBody("1.4", `{"outTradeNo":"P1642410680681"}`)},
		"capture": {
			requestBody("1.4", captureFields("1.00").String()),
			requestBody("1.4", captureFields(1).with(fields{"outTradeNo": "P3"}).String()),
			strings.Replace(requestBody("1.4", captureFields(1).String()), testAppID, "provider", 1),
		},
		"cancel":       {requestBody("1.4", cancelFields().String())},
		"caseSearch":   {requestBody("1.5", `{}`), strings.Replace(providerBody, testAppID, "provider", 1)},
		"orderConfirm": {strings.Replace(requestBody("1.0", `{}`), "appId", "merchantAppId", 1)},
		"refund": {
			requestBody("1.4", refundFields("1.00").String()),
			requestBody("1.1", refundFields(20000).with(fields{"outRefundNo": "R2", "tradeToken": "T1"}).String()),
		},
		"refundQuery": {requestBody("1.4", `{"outRefundNo":"R1642411016202","refundTradeNo":"x"}`)},
	} {
		for _, body := range bodies {
			f.Add(uint8(slices.Index(names, endpoint)), []byte(body), true)
			f.Add(uint8(slices.Index(names, endpoint)), []byte(body), false)
		}
	}
	// A real signature, but of another body: the closest that an attacker can get.
	foreign := signWith(f, testkeys.Merchant(), validBody+" ")

	f.Fuzz(func(t *testing.T, endpoint uint8, body []byte, signed bool) {
		if len(body) > maxBody || string(body) == validBody+" " {
			t.Skip()
		}
		signature := foreign
		if signed {
			signature = signWith(t, testkeys.Merchant(), string(body))
		}
		r := newRequest(string(body), signature)
		r.URL.Path = basePath + names[int(endpoint)%len(names)]
		w := serve(g, r)
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
		if seen.AppID == "provider" && seen.Verified {
			t.Errorf("accepted without the provider's token: %s", body)
		}
	})
}

// FuzzFaults asks for any fault, with the control API and with the header. An invalid fault must be refused, and must
// leave the list of faults unchanged.
func FuzzFaults(f *testing.F) {
	for _, list := range []string{
		"reset", "latency=1ns, wrong-signature", "clock-skew=-3m", "date-skew=5m,status=503", "html=502", "code=A_B", "status=", "=,=", "\x00", "truncate,empty,truncate",
	} {
		f.Add(`{"endpoint":"refund","fault":"`+list+`","times":2}`, list)
	}
	f.Fuzz(func(t *testing.T, put, list string) {
		g := newGateway(t)
		accepted := sendControl(g, http.MethodPut, "faults", put).Code == http.StatusNoContent
		if waiting := len(g.state().waitingFaults()); accepted != (waiting == 1) {
			t.Fatalf("accepted %t, but %d are waiting", accepted, waiting)
		}
		parsed, err := parseFaults(list)
		if parsed.latency > 0 || strings.Contains(list, "reset") {
			t.Skip() // takes too long, or needs a real connection
		}
		r := httptest.NewRequest(http.MethodPost, basePath+"orderQuery", strings.NewReader("{}"))
		r.Header.Set("Sandbox-Fault", list)
		if code := serve(g, r).Code; list != "" && (err != nil) != (code == http.StatusBadRequest) && !strings.Contains(list, "=400") {
			t.Errorf("%v, but status %d", err, code)
		}
	})
}

// FuzzCheckAck checks any acknowledgement: it must not panic, and must accept only a body that can contain the code.
func FuzzCheckAck(f *testing.F) {
	f.Add(200, []byte(`{"code":"SUCCESS","msg":"Success"}`))
	f.Add(200, []byte(`{"code":"\u0053UCCESS"}`))
	f.Add(500, []byte(`[1`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if checkAck(status, body) == nil && (status != http.StatusOK || len(body) < len(`{"code":"SUCCESS"}`)) {
			t.Errorf("acknowledged with %d %s", status, body)
		}
	})
}
