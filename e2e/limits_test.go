package e2e

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// limitedSite returns a site with these limits and the users anna, berta and clara, who share a
// password.
func limitedSite(t *testing.T, gateway *upstream, options, limits string) string {
	hash := strings.TrimSpace(passwordHash(t, "password"))
	return fmt.Sprintf("basic_auth /aggregate-pay/* {\nanna %[1]s\nberta %[1]s\nclara %[1]s\n}\n", hash) +
		"metrics /metrics\npayermax /aggregate-pay/* {\ngateway " + gateway.url() + "\n" + handlerOptions(t) +
		"\ngateway_public_key " + testkeys.WritePublic(t, &testkeys.Gateway().PublicKey) + "\n" + options + "\nlimits {\n" + limits + "\n}\n}"
}

// requireMetric checks one line of the metrics at an address.
func requireMetric(t *testing.T, address, series, value string) {
	t.Helper()
	shown := get(t, address+"/metrics")
	for line := range strings.Lines(shown) {
		if got, ok := strings.CutPrefix(line, series+" "); ok {
			assert.Equal(t, value, strings.TrimSpace(got), series)
			return
		}
	}
	name, _, _ := strings.Cut(series, "{")
	assert.Fail(t, "there is no "+series, "%s", linesWith(shown, name+"{"))
}

// requireLimits checks how many requests each limit has refused.
func requireLimits(t *testing.T, s *sidecar, endpoint, caller, rate int) {
	t.Helper()
	for limit, count := range map[string]int{"endpoint": endpoint, "caller": caller, "amount": 0, "rate": rate} {
		requireMetric(t, "http://"+s.addr, fmt.Sprintf("caddy_payermax_limit_refusals_total{limit=%q}", limit), fmt.Sprint(count))
	}
}

func TestLimitsOfCallers(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
	s := startSidecar(t, setup{site: limitedSite(t, gateway, "endpoints applyDropinSession orderQuery",
		"caller_id {http.auth.user.id}\ncaller anna {\nendpoints applyDropinSession\n}\ncaller berta {\n}")})
	anna, berta, clara := basic("anna", "password"), basic("berta", "password"), basic("clara", "password")

	requireSuccess(t, s.post(t, validBody(), anna))
	requireSuccess(t, s.post(t, validBody(), berta))
	requireSuccess(t, s.send(t, query(berta)))
	require.Len(t, gateway.received(), 3)
	requireLimits(t, s, 0, 0, 0)

	for name, test := range map[string]struct {
		raw  string
		code string
	}{
		"an endpoint of others":             {query(anna), "CALLER_NOT_ALLOWED"},
		"a caller who is not configured":    {post(validBody(), clara), "CALLER_NOT_ALLOWED"},
		"and for another endpoint":          {query(clara), "CALLER_NOT_ALLOWED"},
		"a caller who also claims to be":    {post(validBody(), clara, "Payermax-Caller: anna", "X-Forwarded-User: anna"), "CALLER_NOT_ALLOWED"},
		"an endpoint that nobody may use":   {strings.Replace(query(berta), "orderQuery", "refund", 1), "ENDPOINT_NOT_ENABLED"},
		"and before anybody looks at JSON":  {post("{", clara), "CALLER_NOT_ALLOWED"},
		"and before anybody reads the body": {post("", clara, "Content-Length: 60000"), "CALLER_NOT_ALLOWED"},
	} {
		t.Run(name, func(t *testing.T) {
			res := s.send(t, test.raw)
			requireRefusal(t, res, http.StatusForbidden, test.code)
			assert.Contains(t, res.header.Get("Proxy-Status"), "error=http_request_denied;")
		})
	}
	require.Len(t, gateway.received(), 3)
	requireLimits(t, s, 2, 5, 0)
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"refused"`, `"code":"CALLER_NOT_ALLOWED"`)
	assert.Equal(t, http.StatusUnauthorized, s.post(t, validBody(), basic("anna", "wrong")).status)
	requireLimits(t, s, 2, 5, 0)
}

// Without authentication there is no caller.
func TestLimitsWithoutAuthentication(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	for name, callerID := range map[string]string{
		"nobody asks who it is": "{http.auth.user.id}",
		"no TLS":                "{http.request.tls.client.subject}",
		"no such header":        "{http.request.header.X-Caller}",
		"no such placeholder":   "{no.such.placeholder}",
	} {
		t.Run(name, func(t *testing.T) {
			s := startSidecar(t, setup{gateway: gateway.url(), options: "limits {\ncaller_id " + callerID + "\ncaller shop {\n}\n}"})
			for _, fields := range [][]string{nil, {basic("shop", "password")}, {"Authorization: Bearer shop"}, {"X-Caller: "}} {
				requireRefusal(t, s.post(t, validBody(), fields...), http.StatusForbidden, "CALLER_NOT_ALLOWED")
			}
		})
	}
	gateway.requireUntouched(t)
}

func TestLimitsOfRate(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "limits {\nrate 0.01 2\n}", site: "metrics /metrics"})

	// Requests that are refused anyway do not count against the rate.
	for range 5 {
		requireRefusal(t, s.post(t, `{"data":{}}`), http.StatusBadRequest, "PARAMS_INVALID")
	}
	requireSuccess(t, s.post(t, validBody()))
	requireSuccess(t, s.post(t, validBody()))
	for range 3 {
		res := s.post(t, validBody())
		requireRefusal(t, res, http.StatusTooManyRequests, "TOO_MANY_REQUEST")
		assert.Equal(t, "100", res.header.Get("Retry-After"))
	}
	require.Len(t, gateway.received(), 2)
	requireLimits(t, s, 0, 0, 3)
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"refused"`, `"code":"TOO_MANY_REQUEST"`)
}

// However many requests arrive at once, no more than the burst get through.
func TestLimitsOfRateInParallel(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: unhurried + "\nlimits {\nrate 0.001 5\n}", site: "metrics /metrics"})
	var calls sync.WaitGroup
	var passed, limited atomic.Int32
	for range 40 {
		calls.Go(func() {
			switch s.post(t, validBody()).status {
			case http.StatusOK:
				passed.Add(1)
			case http.StatusTooManyRequests:
				limited.Add(1)
			}
		})
	}
	calls.Wait()
	assert.EqualValues(t, 5, passed.Load())
	assert.EqualValues(t, 35, limited.Load())
	require.Len(t, gateway.received(), 5)
}

// Each caller has its own rate within the overall rate, and no caller can use up another's.
func TestLimitsOfRateByCaller(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{site: limitedSite(t, gateway, "",
		"rate 0.001 3\ncaller_id {http.auth.user.id}\ncaller anna {\nrate 0.001 1\n}\ncaller berta {\n}")})
	anna, berta := basic("anna", "password"), basic("berta", "password")

	requireSuccess(t, s.post(t, validBody(), anna))
	for range 10 {
		requireRefusal(t, s.post(t, validBody(), anna), http.StatusTooManyRequests, "TOO_MANY_REQUEST")
	}
	// Requests refused to anna were not signed, so they do not count against the overall rate.
	requireSuccess(t, s.post(t, validBody(), berta))
	requireSuccess(t, s.post(t, validBody(), berta))
	requireRefusal(t, s.post(t, validBody(), berta), http.StatusTooManyRequests, "TOO_MANY_REQUEST")
	require.Len(t, gateway.received(), 3)
	requireLimits(t, s, 0, 0, 11)
}

// Requests refused by the overall rate do not count against a caller's rate.
func TestLimitsOfRateGiveBack(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{site: limitedSite(t, gateway, "",
		"rate 1 1\ncaller_id {http.auth.user.id}\ncaller anna {\nrate 0.001 2\n}\ncaller berta {\n}")})
	anna, berta := basic("anna", "password"), basic("berta", "password")

	requireSuccess(t, s.post(t, validBody(), berta))
	refused := 0
	for len(gateway.received()) < 3 {
		res := s.post(t, validBody(), anna)
		if res.status == http.StatusOK {
			continue
		}
		requireRefusal(t, res, http.StatusTooManyRequests, "TOO_MANY_REQUEST")
		if refused++; res.header.Get("Retry-After") != "1" {
			require.FailNow(t, "anna has used up what is hers", "after %d refusals that were not hers", refused-1)
		}
	}
	assert.Positive(t, refused)
}

// Requests that could not be signed do not count against the rate: here a service provider's token
// is missing for a while.
func TestLimitsOfRateCountWhatIsSigned(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
	token := testkeys.WriteFile(t, canaryBearer)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "sp_merchant_no SP1\nmerchant_auth_token {file." + token + "}\nlimits {\nrate 0.001 2\n}"})

	require.NoError(t, os.Rename(token, token+"-away"))
	for range 5 {
		res := s.post(t, validBody())
		refused := requireRefusal(t, res, http.StatusInternalServerError, "SYSTEM_ERROR")
		assert.Contains(t, refused.Msg, "before a retry can succeed")
		assert.Empty(t, res.header.Get("Retry-After"))
	}
	gateway.requireUntouched(t)
	require.NoError(t, os.Rename(token+"-away", token))
	requireSuccess(t, s.post(t, validBody()))
	requireSuccess(t, s.post(t, validBody()))
	requireRefusal(t, s.post(t, validBody()), http.StatusTooManyRequests, "TOO_MANY_REQUEST")
	assert.Len(t, gateway.received(), 2)
}

func TestValidateRefusesLimits(t *testing.T) {
	t.Parallel()
	key := testkeys.WritePrivate(t, testkeys.Merchant())
	for name, test := range map[string]struct {
		options string
		says    []string
	}{
		"callers, but who is who":        {"limits {\ncaller shop {\n}\n}", []string{"limits: ", "caller_id"}},
		"who is who, but no callers":     {"limits {\ncaller_id {http.auth.user.id}\n}", []string{"limits: ", "callers"}},
		"a caller twice":                 {"limits {\ncaller_id {http.auth.user.id}\ncaller a {\n}\ncaller a {\n}\n}", []string{"caller a", "already set"}},
		"a caller without a name":        {"limits {\ncaller_id {http.auth.user.id}\ncaller {\n}\n}", []string{"caller"}},
		"a caller's unknown endpoint":    {"limits {\ncaller_id {http.auth.user.id}\ncaller a {\nendpoints nonsense\n}\n}", []string{"caller a: ", "nonsense"}},
		"one that is not enabled":        {"limits {\ncaller_id {http.auth.user.id}\ncaller a {\nendpoints refund\n}\n}", []string{"caller a: ", "refund", "not enabled"}},
		"a rate of nothing":              {"limits {\nrate 0\n}", []string{"rate"}},
		"a negative rate":                {"limits {\nrate -1\n}", []string{"rate"}},
		"a rate in words":                {"limits {\nrate many\n}", []string{"rate"}},
		"an endless rate":                {"limits {\nrate Inf\n}", []string{"rate"}},
		"a rate that is no number":       {"limits {\nrate NaN\n}", []string{"rate"}},
		"a burst of nothing":             {"limits {\nrate 1 0\n}", []string{"burst"}},
		"a rate twice":                   {"limits {\nrate 1\nrate 2\n}", []string{"rate", "already set"}},
		"an amount in words":             {"limits {\nmax_amount IDR many\n}", []string{"max_amount"}},
		"a negative amount":              {"limits {\nmax_amount IDR -1\n}", []string{"max_amount"}},
		"an amount with an exponent":     {"limits {\nmax_amount IDR 1e9\n}", []string{"max_amount"}},
		"an amount without its currency": {"limits {\nmax_amount 1000\n}", []string{"max_amount has one value", "expected max_amount <currency> <amount>"}},
		"a currency twice":               {"limits {\nmax_amount IDR 1\nmax_amount IDR 2\n}", []string{"max_amount IDR", "already set"}},
		"an unknown limit":               {"limits {\nmax_calls 5\n}", []string{"max_calls"}},
		"limits twice":                   {"limits {\nrate 1\n}\nlimits {\nrate 2\n}", []string{"limits", "already set"}},
		"limits beside shadow":           {"shadow\nlimits {\nrate 1\n}", []string{"limits", "shadow"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, valid := validateConfig(t, "payermax {\ngateway uat\napp_id A\nprivate_key "+key+"\n"+test.options+"\n}")
			require.False(t, valid, out)
			for _, words := range test.says {
				require.Contains(t, out, words)
			}
		})
	}
}

// If amounts are limited, a payment whose amount is in any doubt is not signed, whatever the
// setting for requests that break rules.
func TestLimitsOfAmountsFailClosed(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	amounts := map[string][2]string{
		"orderAndPay": {"totalAmount", "currency"}, "refund": {"refundAmount", "refundCurrency"}, "capture": {"amount", "currency"},
	}
	// AMOUNT and CURRENCY are placeholders for the names of the members.
	bodies := []string{
		`{"data":{"outTradeNo":"P1"}}`,
		`{"data":{"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":null,"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":"","CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":{},"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":[1],"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":true,"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":"1 000","CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":"1e3","CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":1}}`,
		`{"data":{"AMOUNT":1,"CURRENCY":null}}`,
		`{"data":{"AMOUNT":1,"CURRENCY":"idr"}}`,
		`{"data":{"AMOUNT":1,"CURRENCY":"IDR","AMOUNT ":9}}`,
		`{"data":{"AMOUNT":1,"CURRENCY":"IDR","AMOUNT\u0000":9}}`,
		`{"data":{"AMOUNT":1,"CURRENCY":"IDR","CURRENCY_":"USD"}}`,
		`{"x":{"AMOUNT":99999999,"CURRENCY":"IDR"},"data":{"$ref":"$.x"}}`,
		`{"x":{"amount":99999999},"data":{"AMOUNT":{"$ref":"$.x.amount"},"CURRENCY":"IDR"}}`,
		`{"data":{"\u0024ref":"$.x","AMOUNT":1,"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":1,"CURRENCY":"IDR","riskParams":[{"@type":"java.lang.Class"}]}}`,
		`{"dAta":{"AMOUNT":99999999,"CURRENCY":"IDR"},"data":{"AMOUNT":1,"CURRENCY":"IDR"}}`,
		`{"data":{"AMOUNT":100001,"CURRENCY":"IDR"}}`,
	}
	caller := "caller_id {http.auth.user.id}\ncaller anna {\n%s\n}"
	for name, limits := range map[string]string{
		"of all":      "max_amount IDR 100000",
		"of a caller": fmt.Sprintf(caller, "max_amount IDR 100000"),
	} {
		for _, validation := range []string{"strict", "warn", "off"} {
			t.Run(name+", validation "+validation, func(t *testing.T) {
				s := startSidecar(t, setup{site: limitedSite(t, gateway, "endpoints drop_in\nvalidation "+validation, limits)})
				for endpoint, names := range amounts {
					written := strings.NewReplacer("AMOUNT", names[0], "CURRENCY", names[1])
					line := "POST /aggregate-pay/api/gateway/" + endpoint + " HTTP/1.1"
					for _, body := range bodies {
						body = written.Replace(body)
						res := s.send(t, requestWith(line, body, basic("anna", "password")))
						code := map[int]string{http.StatusBadRequest: "PARAMS_INVALID", http.StatusForbidden: "AMOUNT_LIMIT_MAXIMUM"}[res.status]
						refused := requireRefusal(t, res, res.status, code)
						assert.NotEmpty(t, refused.Errors, "%s %s", endpoint, body)
					}
				}
			})
		}
	}
	gateway.requireUntouched(t)
}

// Beside a limit on amounts, calls that move nothing are signed, and so are amounts within the
// limit.
func TestLimitsOfAmountsLetPass(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
	s := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in\nvalidation off\nlimits {\nmax_amount IDR 100000\n}"})
	for endpoint, data := range map[string]string{
		"orderQuery":         `{"outTradeNo":"P1"}`,
		"refundQuery":        `{"outRefundNo":"R1"}`,
		"cancel":             `{"requestId":"C1","outTradeNo":"P1"}`,
		"applyDropinSession": `{"currency":"IDR","country":"ID","userId":"U1"}`,
		"orderAndPay":        `{"totalAmount":"100000.00","currency":"IDR"}`,
		"refund":             `{"refundAmount":1e5,"refundCurrency":"IDR"}`,
		"capture":            `{"amount":100000,"currency":"IDR"}`,
	} {
		requireSuccess(t, s.send(t, requestWith("POST /aggregate-pay/api/gateway/"+endpoint+" HTTP/1.1", `{"data":`+data+`}`)))
	}
	assert.Len(t, gateway.received(), 7)
}
