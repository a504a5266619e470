package e2e

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

// PayerMax's own SDKs can be pointed at the sidecar by their base URL, with a key that PayerMax
// does not know (docs/migration.md). These tests hold the sidecar to that. The SDKs themselves are
// not used: following the rules of their sources, the files sdk_*_test.go write the bytes that the
// SDKs send, and read answers as they do.

// officialSDK is one of PayerMax's SDKs, seen from outside.
type officialSDK struct {
	// base is the path of the SDK's base URL, after the sidecar's address.
	base string
	// send returns what the SDK sends when the application passes it this JSON text.
	send func(c sdkConfig, endpoint, data string) sdkCall
	// read returns what the application gets from an answer: a body, or an exception.
	read func(res *response) (string, error)
	// members are the members of the SDK's envelope that the sidecar does not write.
	members []string
}

var officialSDKs = map[string]officialSDK{"Java": javaSDK, "Go": goSDK, "PHP": phpSDK}

// sdkConfig is the configuration of an SDK. All SDKs require a key; after the migration it is one
// that PayerMax does not know.
type sdkConfig struct {
	base                                       string
	appID, merchantNo, spMerchantNo, authToken string
	key                                        *rsa.PrivateKey
	now                                        time.Time
}

// migrated returns the configuration that docs/migration.md asks for.
func migrated(sdk officialSDK) sdkConfig {
	return sdkConfig{
		base: "http://127.0.0.1:8080" + sdk.base, appID: appID, merchantNo: merchantNo, key: testkeys.Stranger(), now: time.Now(),
	}
}

// sdkCall is a request sent by an SDK.
type sdkCall struct {
	url    string
	fields []string
	body   string
}

// raw returns the request as bytes on the wire.
func (c sdkCall) raw() string {
	u, err := url.Parse(c.url)
	if err != nil {
		panic(err)
	}
	fields := append([]string{"Host: " + u.Host}, c.fields...)
	return requestWith("POST "+u.EscapedPath()+" HTTP/1.1", c.body, fields...)
}

// readUnlessForged reads an answer like the Java and Go SDKs: they pass the body to the application
// whatever the HTTP status is, but a success only if PayerMax has signed it.
func readUnlessForged(res *response) (string, error) {
	var answer struct{ Code string }
	if err := json.Unmarshal(res.body, &answer); err != nil {
		return "", err
	}
	if answer.Code != "APPLY_SUCCESS" {
		return string(res.body), nil
	}
	return string(res.body), verify(&testkeys.Gateway().PublicKey, res.body, res.header.Get("sign"))
}

// recorder is a gateway that checks requests as PayerMax does, and records them.
type recorder struct {
	url   string
	mu    sync.Mutex
	calls []sandbox.Call
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	gateway, err := sandbox.New(testkeys.Gateway(), sandbox.Merchant{
		AppID: appID, MerchantNo: merchantNo, PublicKey: &testkeys.Merchant().PublicKey,
	})
	require.NoError(t, err)
	r := new(recorder)
	gateway.OnCall = func(call sandbox.Call) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, call)
	}
	server := httptest.NewServer(gateway)
	t.Cleanup(func() {
		server.Close()
		assert.NoError(t, gateway.Close(context.Background()))
	})
	r.url = server.URL
	return r
}

// seen returns the calls so far and discards them.
func (r *recorder) seen() []sandbox.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// one returns the call, of which there must be exactly one. The call may be recorded a moment after
// its answer has arrived.
func (r *recorder) one(t *testing.T) sandbox.Call {
	t.Helper()
	var calls []sandbox.Call
	await(t, patience, "the call", func() bool {
		calls = append(calls, r.seen()...)
		return len(calls) > 0
	})
	require.Len(t, calls, 1)
	return calls[0]
}

// requireRestamped checks what the sidecar has made of an SDK's call: its own envelope and
// signature, the application's data, and nothing of the SDK's.
func requireRestamped(t *testing.T, sent sdkCall, got sandbox.Call, version string, members ...string) {
	t.Helper()
	require.True(t, got.Verified, got.Unverified)

	var mine, theirs map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(got.Body, &mine))
	require.NoError(t, json.Unmarshal([]byte(sent.body), &theirs))
	assert.Equal(t, string(theirs["data"]), string(mine["data"]), "data goes out byte for byte")
	e := readEnvelope(t, &request{body: got.Body})
	assert.Equal(t, []string{version, "1", appID, merchantNo}, []string{e.Version, e.KeyVersion, e.AppID, e.MerchantNo})
	requireNow(t, e.RequestTime)
	expected := append([]string{"version", "keyVersion", "requestTime", "appId", "merchantNo", "data"}, members...)
	assert.ElementsMatch(t, expected, slices.Collect(maps.Keys(mine)))

	require.Len(t, got.Header["Sign"], 1)
	for name := range got.Header {
		assert.Contains(t, allowedFields, name)
	}
}

// sdkOrder is an order with the characters that serialisers treat differently.
const sdkOrder = `{"outTradeNo":"NUMBER","integrate":"Direct_Payment","subject":"SUCCESS","totalAmount":19.99,
	"currency":"USD","country":"US","userId":"U1/2","language":"","reference":"a/b \"c\" \\ d\te",
	"goodsDetails":[{"goodsId":"com.corps.gp.60","goodsName":"60鑽石 <b>&'€' 😀","quantity":"1","price":"0.99","showUrl":"https://shop.example/a?b=1&c=2"}],
	"terminalType":"WEB","paymentDetail":{"paymentToken":"332e4cc1af1740aeafe9e7df82aeb5a1","sessionKey":"KEY","tokenForFutureUse":false,
	"buyerInfo":{"clientIp":"59.82.59.92","userAgent":"Mozilla/5.0 (X11; Linux) \u2028"}}}`

// The Drop-In flow through each SDK. The application has only the dummy key; the gateway verifies
// each call with the merchant's key, and the SDK each answer with the gateway's.
func TestOfficialSDKs(t *testing.T) {
	t.Parallel()
	for name, sdk := range officialSDKs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newRecorder(t)
			s := startSidecar(t, setup{gateway: gateway.url, options: "endpoints drop_in"})
			flow := func(endpoint, version, data string) map[string]any {
				t.Helper()
				call := sdk.send(migrated(sdk), endpoint, data)
				body, err := sdk.read(s.send(t, call.raw()))
				require.NoError(t, err)
				requireRestamped(t, call, gateway.one(t), version, sdk.members...)
				var answer struct {
					Code string
					Data map[string]any
				}
				require.NoError(t, json.Unmarshal([]byte(body), &answer))
				require.Equal(t, "APPLY_SUCCESS", answer.Code, body)
				return answer.Data
			}
			opened := flow("applyDropinSession", "1.5",
				`{"totalAmount":19.99,"currency":"USD","country":"US","userId":"U1/2","tokenForFutureUse":false,"componentList":["CARD","APPLEPAY"]}`)
			number := "P_" + name
			order := strings.NewReplacer("NUMBER", number, "KEY", opened["sessionKey"].(string)).Replace(sdkOrder)
			assert.Equal(t, "SUCCESS", flow("orderAndPay", "1.5", order)["status"])
			assert.Equal(t, "SUCCESS", flow("orderQuery", "1.4", `{"outTradeNo":"`+number+`"}`)["status"])
			refund := `{"outRefundNo":"R","outTradeNo":"` + number + `","refundAmount":"9.99","refundCurrency":"USD"}`
			assert.Equal(t, "REFUND_PENDING", flow("refund", "1.4", refund)["status"])
		})
	}
}

// sdkSession is a session in the form of version 1.5, with the amount as a number. typedSession has
// the form of version 1.6 and of the Java SDK's class.
const sdkSession = `{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}`

var typedSession = javaBean{"totalAmount": "10000", "currency": "IDR", "country": "ID", "userId": "U10001", "componentList": []any{"CARD"}}

// version16 makes the sidecar accept the Java SDK's typed session.
const version16 = "endpoints drop_in\nversion applyDropinSession 1.6"

// What the SDKs write around the data varies with their versions, bugs and configuration. That
// makes no difference.
func TestOfficialSDKEnvelopes(t *testing.T) {
	t.Parallel()
	gateway := newRecorder(t)
	s := startSidecar(t, setup{gateway: gateway.url, options: version16})

	with := func(sdk officialSDK, change func(*sdkConfig)) sdkConfig {
		c := migrated(sdk)
		change(&c)
		return c
	}
	at := func(nanosecond int) func(*sdkConfig) {
		return func(c *sdkConfig) { c.now = time.Date(2026, 1, 2, 3, 4, 5, nanosecond, time.UTC) }
	}
	anonymous := func(c *sdkConfig) { c.appID, c.merchantNo = "", "" }
	provider := func(c *sdkConfig) { c.spMerchantNo, c.authToken = "SP1", "token-canary" }
	const text = `{"totalAmount":"10000","currency":"IDR","country":"ID","userId":"U10001"}`

	for name, test := range map[string]struct {
		call    sdkCall
		wrote   string // the version that the SDK wrote in its envelope
		members []string
	}{
		"Java's version 1.4":     {javaTyped(migrated(javaSDK), "applyDropinSession", typedSession), `"version":"1.4"`, nil},
		"Java, another zone":     {javaSDK.send(with(javaSDK, inShanghai), "applyDropinSession", text), `+08:00"`, nil},
		"Java, anonymous":        {javaSDK.send(with(javaSDK, anonymous), "applyDropinSession", text), `},"keyVersion":"1","requestTime"`, nil},
		"Java 1.0.0":             {javaSDK100(migrated(javaSDK), "applyDropinSession", text), `"merchantAppId":"` + appID, nil},
		"Java, provider":         {javaSDK.send(with(javaSDK, provider), "applyDropinSession", text), `"spMerchantNo":"SP1"`, []string{"spMerchantNo"}},
		"Go's version 1.1":       {goSDK.send(migrated(goSDK), "applyDropinSession", text), `"version":"1.1"`, nil},
		"Go at a full second":    {goSDK.send(with(goSDK, at(0)), "applyDropinSession", text), `"2026-01-02T03:04:05Z"`, nil},
		"Go at a tenth":          {goSDK.send(with(goSDK, at(100e6)), "applyDropinSession", text), `"2026-01-02T03:04:05.1Z"`, nil},
		"Go at a hundredth":      {goSDK.send(with(goSDK, at(120e6)), "applyDropinSession", text), `"2026-01-02T03:04:05.12Z"`, nil},
		"Go, anonymous":          {goSDK.send(with(goSDK, anonymous), "applyDropinSession", text), `"merchantNo":""`, nil},
		"Go, provider":           {goSDK.send(with(goSDK, provider), "applyDropinSession", text), `"spMerchantNo":"SP1"`, []string{"spMerchantNo"}},
		"PHP's version 1.2":      {phpSDK.send(migrated(phpSDK), "applyDropinSession", text), `"version":"1.2"`, phpSDK.members},
		"PHP, long ago":          {phpSDK.send(with(phpSDK, at(7e6)), "applyDropinSession", text), `"2026-01-02T03:04:05.007+00:00"`, phpSDK.members},
		"PHP, anonymous":         {phpSDK.send(with(phpSDK, anonymous), "applyDropinSession", text), `"appId":null,"merchantNo":null`, phpSDK.members},
		"PHP, provider":          {phpSDK.send(with(phpSDK, provider), "applyDropinSession", text), `"spMerchantNo":"SP1"`, phpSDK.members},
		"PHP without a provider": {phpSDK.send(migrated(phpSDK), "applyDropinSession", text), `"spMerchantNo":null`, phpSDK.members},
	} {
		require.Contains(t, test.call.body, test.wrote, name)
		res := s.send(t, test.call.raw())
		require.Equal(t, http.StatusOK, res.status, "%s: %s", name, res.raw)
		body, err := javaSDK.read(res)
		require.NoError(t, err, name)
		require.Contains(t, body, `"APPLY_SUCCESS"`, name)
		requireRestamped(t, test.call, gateway.one(t), "1.6", test.members...)
	}
	s.NeverPrints("token-canary")
}

// The Java SDK's classes have whole numbers for amounts (Long, in some versions BigDecimal). They
// are sent unchanged; their meaning is for PayerMax to judge.
func TestOfficialJavaSDKAmounts(t *testing.T) {
	t.Parallel()
	gateway := newRecorder(t)
	s := startSidecar(t, setup{gateway: gateway.url, options: version16})
	for endpoint, test := range map[string]struct {
		data  javaBean
		sends string
		code  string // PayerMax's code
	}{
		"orderAndPay": {javaBean{
			"outTradeNo": "P1", "integrate": "Hosted_Checkout", "subject": "SUCCESS", "totalAmount": int64(9007199254740991), "currency": "IDR",
			"country": "ID", "userId": "U1", "terminalType": "WEB", "frontCallbackUrl": "https://shop.example/done",
		}, `"totalAmount":9007199254740991`, "APPLY_SUCCESS"},
		"refund": {javaBean{"outRefundNo": "R1", "outTradeNo": "P2", "refundAmount": json.Number("15.00"), "refundCurrency": "USD"}, `"refundAmount":15.00,`, "ORDER_NOT_EXIST"},
	} {
		call := javaTyped(migrated(javaSDK), endpoint, test.data)
		require.Contains(t, call.body, test.sends)
		body, err := javaSDK.read(s.send(t, call.raw()))
		require.NoError(t, err)
		got := gateway.one(t)
		requireRestamped(t, call, got, readEnvelope(t, &request{body: got.Body}).Version)
		assert.Contains(t, body, `"code":"`+test.code+`"`)
	}
}

// These are the calls of SDKs that the sidecar refuses. For each of them, docs/migration.md says
// what to do.
func TestOfficialSDKsRefused(t *testing.T) {
	t.Parallel()
	gateway := newRecorder(t)
	s := startSidecar(t, setup{gateway: gateway.url, options: "endpoints all"})
	base := func(sdk officialSDK, base string) sdkConfig {
		c := migrated(sdk)
		c.base = "http://127.0.0.1:8080" + base
		return c
	}
	other := func(sdk officialSDK) sdkConfig {
		c := migrated(sdk)
		c.appID = "the-dummy-app"
		return c
	}
	const bases = "/aggregate-pay/api/gateway"
	for name, test := range map[string]struct {
		call        sdkCall
		status      int
		field, rule string
	}{
		"Java: the base URL ends in a slash": {javaSDK.send(base(javaSDK, bases+"/"), "applyDropinSession", sdkSession), 404, "", ""},
		"Go: the base URL ends in no slash":  {goSDK.send(base(goSDK, bases), "applyDropinSession", sdkSession), 404, "", ""},
		"Java: another appId":                {javaSDK.send(other(javaSDK), "applyDropinSession", sdkSession), 400, "/appId", "mismatch"},
		"Java 1.0.0: another merchantAppId":  {javaSDK100(other(javaSDK), "applyDropinSession", sdkSession), 400, "/merchantAppId", "mismatch"},
		"Go: another appId":                  {goSDK.send(other(goSDK), "applyDropinSession", sdkSession), 400, "/appId", "mismatch"},
		"PHP: another appId":                 {phpSDK.send(other(phpSDK), "applyDropinSession", sdkSession), 400, "/appId", "mismatch"},
		"PHP: an empty array is no object":   {phpSDK.send(migrated(phpSDK), "currentBalanceQuery", `{}`), 400, "/data", "type"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := s.send(t, test.call.raw())
			require.Equal(t, test.status, refused.status, "%s", refused.raw)
			var answer refusal
			require.NoError(t, json.Unmarshal(refused.body, &answer))
			if test.field != "" {
				require.Len(t, answer.Errors, 1)
				assert.Equal(t, []string{test.field, test.rule}, []string{answer.Errors[0].Field, answer.Errors[0].Rule})
			}
			require.Empty(t, gateway.seen(), "nothing was sent")
			for name, sdk := range officialSDKs {
				body, err := sdk.read(refused)
				assert.NotContains(t, body, "APPLY_SUCCESS")
				assert.Equal(t, name == "PHP", err != nil, "the Java and Go SDKs hand the refusal to the application, Guzzle throws it")
			}
		})
	}
}

// Without the sidecar, the gateway refuses the dummy key, and accepts the merchant's. That shows
// that the requests written here are signed as the SDKs sign them.
func TestOfficialSDKsAlone(t *testing.T) {
	t.Parallel()
	gateway := newRecorder(t)
	for name, sdk := range officialSDKs {
		c := migrated(sdk)
		c.base = gateway.url + sdk.base
		for _, key := range []*rsa.PrivateKey{testkeys.Stranger(), testkeys.Merchant()} {
			c.key = key
			sidecarless := &sidecar{addr: strings.TrimPrefix(gateway.url, "http://")}
			sidecarless.send(t, sdk.send(c, "orderQuery", `{"outTradeNo":"P1"}`).raw())
			assert.Equal(t, key == testkeys.Merchant(), gateway.one(t).Verified, name)
		}
	}
}

// If something goes wrong behind the sidecar, no SDK takes it for a success.
func TestOfficialSDKsAndTrouble(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})
	for name, with := range map[string]struct {
		reply reply
		code  string
	}{
		"forged answer": {answerWith(message("200 OK", success, "Content-Type: application/json", "sign: "+sign(testkeys.Stranger(), []byte(success)))), "CHECK_SIGN_ERROR"},
		"no answer":     {closing(nil), "REQUEST_TIMEOUT"},
	} {
		gateway.answers(with.reply)
		for sdkName, sdk := range officialSDKs {
			body, err := sdk.read(s.send(t, sdk.send(migrated(sdk), "applyDropinSession", sdkSession).raw()))
			said := body + errors.Join(err, errors.New("")).Error()
			assert.Contains(t, said, `"code":"`+with.code+`"`, "%s, %s", name, sdkName)
			assert.NotContains(t, said, "APPLY_SUCCESS")
		}
	}
}
