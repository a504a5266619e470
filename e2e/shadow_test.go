package e2e

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// newShadowUpstream returns a gateway for requests that the sidecar did not sign. It does not check
// them, because it gets what the application sent.
func newShadowUpstream(t *testing.T) *upstream {
	t.Helper()
	return open(t, anyPort, nil)
}

// signedByApplication returns a body that no sidecar would write: with the application's own
// version, time, order and white space.
func signedByApplication() string {
	block, _ := data()
	return `{ "data": ` + strings.ReplaceAll(block, ",", " ,\n\t") + `,
	"requestTime":"2026-01-17T17:05:52.19+08:00", "version" : "1.1","keyVersion":"1",
	"appId":"` + appID + `","merchantNo":"` + merchantNo + `", "x\u002dtra": "\/"}` + "\r\n"
}

// startShadow runs a sidecar in shadow mode with metrics.
func startShadow(t *testing.T, gateway *upstream, options string) *sidecar {
	return startSidecar(t, setup{gateway: gateway.url(), options: "shadow\n" + options, site: "metrics /metrics"})
}

// requireShadow checks how many signatures had a result.
func requireShadow(t *testing.T, s *sidecar, result string, count int) {
	t.Helper()
	requireMetric(t, "http://"+s.addr, fmt.Sprintf("caddy_payermax_shadow_signatures_total{endpoint=%q,result=%q}", "applyDropinSession", result), fmt.Sprint(count))
}

// What the application has signed arrives unchanged, byte for byte, with the application's
// signature and its other header fields.
func TestShadowPassesOn(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	s := startShadow(t, gateway, "")

	for name, fields := range map[string][]string{
		"as it is":             nil,
		"an SDK's":             {"sdk-ver: php-1.1.0", "Accept: application/json", "User-Agent: GuzzleHttp/7", "Content-Type: application/json; charset=utf-8"},
		"one's own":            {"X-Tenant: books", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"sign in Connection":   {"Connection: sign"},
		"several in it":        {"Connection: close, Sign, Content-Type"},
		"Expect: 100-continue": {"Expect: 100-continue"},
		"Idempotency-Key":      {"Idempotency-Key: x"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(gateway.received())
			body := signedByApplication()
			signature := sign(testkeys.Merchant(), []byte(body))
			requireSuccess(t, s.post(t, body, append(fields, "sign: "+signature)...))
			require.Len(t, gateway.received(), before+1)
			r := gateway.received()[before]
			require.Empty(t, r.fault)
			assert.Equal(t, body, string(r.body))
			assert.Equal(t, []string{signature}, r.values("sign"))
			assert.Equal(t, []string{gateway.host}, r.values("Host"))
			for _, sent := range fields {
				switch field, value, _ := strings.Cut(sent, ": "); field {
				case "sdk-ver", "X-Tenant", "Traceparent":
					assert.Equal(t, []string{value}, r.values(field))
				}
			}
		})
	}
	t.Run("chunked", func(t *testing.T) {
		before := len(gateway.received())
		body := signedByApplication()
		requireSuccess(t, s.send(t, postChunked(body, 7, "sign: "+sign(testkeys.Merchant(), []byte(body)))))
		assert.Equal(t, body, string(gateway.received()[before].body))
	})
	requireShadow(t, s, "agree", 8)
	s.NeverPrints("differs from the one that this sidecar would have made")
	s.AwaitLine(t, `"msg":"call"`, `"shadow":"agree"`, `"payermax.outcome":"answered"`)
}

// The sidecar distinguishes signatures that it would have made from others, and lets both pass.
func TestShadowCompares(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	own := func(body string) string { return sign(testkeys.Merchant(), []byte(body)) }
	fingerprint := `"fingerprint":"sha256:`

	for name, test := range map[string]struct {
		fields func(body string) []string
		result string
		logs   []string // parts of the warning
	}{
		"the same key":       {func(body string) []string { return []string{"sign: " + own(body)} }, "agree", nil},
		"SIGN":               {func(body string) []string { return []string{"SIGN: " + own(body)} }, "agree", nil},
		"another key":        {func(body string) []string { return []string{"sign: " + sign(testkeys.Stranger(), []byte(body))} }, "disagree", []string{fingerprint}},
		"another body":       {func(body string) []string { return []string{"sign: " + own(body+" ")} }, "disagree", []string{fingerprint}},
		"the body trimmed":   {func(body string) []string { return []string{"sign: " + own(strings.TrimSpace(body))} }, "disagree", []string{fingerprint}},
		"no signature":       {func(body string) []string { return []string{"sign: no-signature"} }, "disagree", []string{fingerprint}},
		"an empty one":       {func(body string) []string { return []string{"sign: "} }, "disagree", nil},
		"two":                {func(body string) []string { return []string{"sign: " + own(body), "sign: " + own(body)} }, "disagree", nil},
		"none":               {func(body string) []string { return nil }, "unsigned", nil},
		"one in the body":    {func(body string) []string { return []string{"X-Sign: " + own(body)[:200]} }, "unsigned", nil},
		"without its equals": {func(body string) []string { return []string{"sign: " + strings.TrimRight(own(body), "=")} }, "disagree", []string{fingerprint}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startShadow(t, gateway, "")
			block, user := data()
			body := strings.Replace(signedByApplication(), `"data": `, `"data": `+block+`, "more": `, 1)
			fields := test.fields(body)
			requireSuccess(t, s.post(t, body, fields...))
			require.Len(t, gateway.about(user), 1)
			r := gateway.about(user)[0]
			assert.Equal(t, body, string(r.body))
			if len(fields) == 1 && !strings.HasPrefix(fields[0], "X-") {
				_, signature, _ := strings.Cut(fields[0], ": ")
				if signature != "" {
					assert.Equal(t, []string{signature}, r.values("sign"))
				}
			}
			if test.result == "unsigned" {
				assert.Empty(t, r.values("sign"), "it is not signed by the sidecar either")
			}

			requireShadow(t, s, test.result, 1)
			s.AwaitLine(t, `"msg":"call"`, `"shadow":"`+test.result+`"`)
			warning := append([]string{`"level":"warn"`, "differs from the one that this sidecar would have made", `"shadow":"` + test.result + `"`}, test.logs...)
			if test.result == "agree" {
				s.NeverPrints(warning[1])
			} else {
				s.AwaitLine(t, warning...)
			}
		})
	}
}

// The application remains responsible for its requests: the sidecar only reports what it would have
// refused.
func TestShadowOnlyWarns(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	s := startShadow(t, gateway, "")
	for name, body := range map[string]string{
		"a field breaks a rule":      strings.Replace(signedByApplication(), `"ID"`, `"id-canary"`, 1),
		"another app":                strings.Replace(signedByApplication(), appID, "canary", 1),
		"a member twice":             strings.Replace(signedByApplication(), `"x\u002dtra"`, `"version":"canary", "version"`, 1),
		"no data":                    `{"appId":"` + appID + `"}`,
		"no JSON at all":             "canary=1",
		"a byte that is no UTF-8":    strings.Replace(signedByApplication(), "1.1", "\xff", 1),
		"behind a byte order mark":   "\ufeff" + signedByApplication(),
		"and with text after it all": signedByApplication() + "canary",
	} {
		t.Run(name, func(t *testing.T) {
			before := len(gateway.received())
			signature := sign(testkeys.Merchant(), []byte(body))
			requireSuccess(t, s.post(t, body, "sign: "+signature))
			require.Len(t, gateway.received(), before+1)
			assert.Equal(t, body, string(gateway.received()[before].body))
			assert.Equal(t, []string{signature}, gateway.received()[before].values("sign"))
		})
	}
	requireMetric(t, "http://"+s.addr, `caddy_payermax_violations_total{action="warned",endpoint="applyDropinSession",field="data.country",rule="pattern"}`, "1")
	s.AwaitLine(t, `"msg":"call"`, `"warned":["data.country pattern"]`)
	// The signature is correct for each of these bodies.
	requireShadow(t, s, "agree", 8)
	s.NeverPrints("canary")
}

// In shadow mode, the application gets the answer even if it cannot be verified; that is counted.
func TestShadowAnswersPass(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	s := startShadow(t, gateway, "timeout 5s")
	for name, test := range map[string]struct {
		answer  []byte
		details string
	}{
		"signed":                 {signed(success), "answer verified"},
		"not signed":             {message("200 OK", success, typeJSON), "answer not verifiable"},
		"signed by a stranger":   {message("200 OK", success, typeJSON, "sign: "+sign(testkeys.Stranger(), []byte(success))), "answer not verifiable"},
		"signed for another":     {message("200 OK", success, typeJSON, signField(success+" ")), "answer not verifiable"},
		"an error, not signed":   {message("200 OK", `{"code":"SYSTEM_ERROR"}`, typeJSON), "answer not signed"},
		"not JSON":               {message("502 Bad Gateway", "<html>", "Content-Type: text/html"), "answer not verifiable"},
		"with two signatures":    {message("200 OK", success, typeJSON, signField(success), signField(success)), "answer not verifiable"},
		"with fields of its own": {message("200 OK", success, typeJSON, signField(success), "X-Trace: 1"), "answer verified"},
		"for another merchant":   {signed(`{"code":"APPLY_SUCCESS","merchantNo":"canary"}`), "answer not verifiable"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(test.answer))
			body := signedByApplication()
			res := s.post(t, body, "sign: "+sign(testkeys.Merchant(), []byte(body)))
			_, want, _ := strings.Cut(string(test.answer), "\r\n\r\n")
			assert.Equal(t, want, string(res.body))
			assert.Equal(t, string(test.answer[len("HTTP/1.1 "):len("HTTP/1.1 200")]), fmt.Sprint(res.status))
			assert.Len(t, res.header["Sign"], strings.Count(string(test.answer), "sign: "))
			assert.Contains(t, res.header.Get("Proxy-Status"), fmt.Sprintf("details=%q", test.details))
		})
	}
	for result, count := range map[string]string{"verified": "2", "unverified": "6", "unsigned": "1"} {
		requireMetric(t, "http://"+s.addr, fmt.Sprintf("caddy_payermax_answers_total{result=%q}", result), count)
	}

	// A redirect would make the application send its request to another host.
	for _, redirect := range [][]byte{
		message("307 Temporary Redirect", success, typeJSON, "Location: https://elsewhere.example/"),
		message("302 Found", success, typeJSON, signField(success), "Location: https://elsewhere.example/"),
	} {
		gateway.answers(answerWith(redirect))
		body := signedByApplication()
		res := s.post(t, body, "sign: "+sign(testkeys.Merchant(), []byte(body)))
		requireRefusal(t, res, http.StatusBadGateway, "CHECK_SIGN_ERROR")
		requireOwnHeader(t, res)
	}

	// Without an answer, the sidecar answers itself.
	gateway.answers(closing(nil))
	body := signedByApplication()
	requireRefusal(t, s.post(t, body, "sign: "+sign(testkeys.Merchant(), []byte(body))), http.StatusBadGateway, "REQUEST_TIMEOUT")
	gateway.close()
	requireRefusal(t, s.post(t, body, "sign: "+sign(testkeys.Merchant(), []byte(body))), http.StatusBadGateway, "SYSTEM_ERROR")
}

// In shadow mode, too, an endpoint that is not enabled is refused, and so is a request that is not
// a call.
func TestShadowRefuses(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	s := startShadow(t, gateway, "")
	body := signedByApplication()
	signature := "sign: " + sign(testkeys.Merchant(), []byte(body))
	for name, test := range map[string]struct {
		raw    string
		status int
		code   string
	}{
		"an endpoint that is not enabled": {strings.Replace(post(body, signature), "applyDropinSession", "refund", 1), 403, "ENDPOINT_NOT_ENABLED"},
		"no endpoint":                     {strings.Replace(post(body, signature), "applyDropinSession", "nothing", 1), 404, "NOT_FOUND"},
		"GET":                             {requestWith("GET "+endpointPath+" HTTP/1.1", body, signature), 405, "METHOD_NOT_ALLOWED"},
		"a query":                         {requestWith("POST "+endpointPath+"?a=b HTTP/1.1", body, signature), 400, "PARAMS_INVALID"},
		"too large":                       {post(strings.Repeat(" ", 65537), signature), 413, "CONTENT_TOO_LARGE"},
		"compressed":                      {post(body, signature, "Content-Encoding: gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefusal(t, s.send(t, test.raw), test.status, test.code)
			gateway.requireUntouched(t)
		})
	}
	assert.NotRegexp(t, `caddy_payermax_shadow_signatures_total\{.*\} [1-9]`, get(t, "http://"+s.addr+"/metrics"))
}

// Like the sidecar's own signature, the application's signature and whatever else authenticates it
// at PayerMax do not appear in the debug log.
func TestShadowLogsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	s := startShadow(t, gateway, "timeout 3s\n"+retryEagerly)
	body := strings.Replace(signedByApplication(), `"1.1"`, `"canary-in-the-body"`, 1)
	signatures := []string{
		sign(testkeys.Merchant(), []byte(body)), sign(testkeys.Stranger(), []byte(body)), strings.Repeat("canary-of-a-sign", 20),
	}
	for _, reply := range []reply{
		answerWith(signed(success)),
		answerWith(message("500 Internal Server Error", "<html>canary", signField("x"))),
		closing(nil),
		closing(message("200 OK", success, signField(success), "Content-Length: 5000")),
		closing([]byte("not HTTP: canary")),
		stalling(nil),
	} {
		gateway.answers(reply)
		for _, signature := range signatures {
			_ = s.post(t, body, "sign: "+signature, "Authorization: Bearer canary", "Cookie: a=canary", "Idempotency-Key: x")
		}
	}
	gateway.close()
	_ = s.post(t, body, "sign: "+signatures[0])

	s.AwaitLine(t, `"msg":"upstream roundtrip"`) // the debug log is on
	s.NeverPrints("canary")
	for _, signature := range append(signatures, sign(testkeys.Gateway(), []byte(success))) {
		s.NeverPrints(signature[:20])
	}
}

// A service provider's application sends a token along with its signature. Caddy accepts header
// fields with underscores only if it is configured to expect them.
func TestShadowOfServiceProvider(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	port := testnet.FreePort(t)
	config := strings.Replace(caddyfile(port, payermaxBlock(t, setup{gateway: gateway.url(), options: "shadow\nsp_merchant_no SP0001"})),
		"\tdebug\n", "\tdebug\n\tservers {\n\t\texpected_underscore_headers merchant_auth_token\n\t}\n", 1)
	s := start(t, fmt.Sprintf("127.0.0.1:%d", port), config, nil)

	body := strings.Replace(signedByApplication(), `"1.1"`, `"1.1","spMerchantNo":"SP0001"`, 1)
	for _, reply := range []reply{answerWith(signed(success)), closing(nil)} {
		gateway.answers(reply)
		_ = s.post(t, body, "sign: "+sign(testkeys.Merchant(), []byte(body)), "merchant_auth_token: canary-of-a-token")
	}
	require.Len(t, gateway.received(), 2)
	assert.Equal(t, []string{"canary-of-a-token"}, gateway.received()[0].values("merchant_auth_token"))
	s.AwaitLine(t, `"msg":"upstream roundtrip"`) // the debug log is on
	s.NeverPrints("canary")
}

// With several merchants, a signature is compared with that of the merchant the request is for.
func TestShadowOfSeveralMerchants(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	s := startSidecar(t, setup{site: merchantsSite(t, gateway, "shadow",
		merchantBlock("100", "first", testkeys.WritePrivate(t, testkeys.Merchant()), ""),
		merchantBlock("200", "second", testkeys.WritePrivate(t, testkeys.Stranger()), ""))})
	for _, test := range []struct {
		number string
		key    *rsa.PrivateKey
	}{
		{"100", testkeys.Merchant()}, {"200", testkeys.Stranger()}, // agree
		{"100", testkeys.Stranger()}, {"200", testkeys.Merchant()}, // disagree
		{"300", testkeys.Merchant()}, {"", testkeys.Merchant()}, // no merchant matches
	} {
		body := forMerchant(test.number)
		signature := sign(test.key, []byte(body))
		before := len(gateway.received())
		res := s.post(t, body, "sign: "+signature)
		require.Equal(t, http.StatusOK, res.status, "%s", res.raw)
		require.Len(t, gateway.received(), before+1)
		assert.Equal(t, body, string(gateway.received()[before].body))
		assert.Equal(t, []string{signature}, gateway.received()[before].values("sign"))
	}
	requireShadow(t, s, "agree", 2)
	requireShadow(t, s, "disagree", 4)
	s.AwaitLine(t, "differs from the one that this sidecar would have made", "does not say which merchant it is for")
}
