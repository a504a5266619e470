package e2e

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// envelope is the body of a call. Data keeps its exact bytes.
type envelope struct {
	Version     string          `json:"version"`
	KeyVersion  string          `json:"keyVersion"`
	RequestTime string          `json:"requestTime"`
	AppID       string          `json:"appId"`
	MerchantNo  string          `json:"merchantNo"`
	Data        json.RawMessage `json:"data"`
}

func readEnvelope(t *testing.T, r *request) envelope {
	t.Helper()
	var e envelope
	require.NoError(t, json.Unmarshal(r.body, &e), "%s", r.body)
	return e
}

// requireNow checks that requestTime has the format that PayerMax requires, and is the current
// time.
func requireNow(t *testing.T, requestTime string) {
	t.Helper()
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$`, requestTime)
	at, err := time.Parse(time.RFC3339, requestTime)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, patience) // PayerMax tolerates two minutes
}

func TestCall(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	block, _ := data()
	requireSuccess(t, s.post(t, `{"data":`+block+`}`))

	// requireSigned checks every request that an upstream ever gets: that it is a POST to the right
	// path with one valid signature, and carries nothing of the application's or the proxy's
	// header.
	got := gateway.only(t)
	e := readEnvelope(t, got)
	assert.Equal(t, "1.5", e.Version)
	assert.Equal(t, "1", e.KeyVersion)
	assert.Equal(t, appID, e.AppID)
	assert.Equal(t, merchantNo, e.MerchantNo)
	assert.Equal(t, block, string(e.Data))
	requireNow(t, e.RequestTime)
	assert.Equal(t, []string{"identity"}, got.values("Accept-Encoding"), "PayerMax signs the plain answer")
	s.AwaitLine(t, `"msg":"call"`, `"payermax.endpoint":"applyDropinSession"`, `"payermax.outcome":"answered"`)

	t.Run("OpenSSL verifies the signature", func(t *testing.T) { requireOpenSSLVerifies(t, got) })
}

// requireOpenSSLVerifies verifies the signature with a second implementation.
func requireOpenSSLVerifies(t *testing.T, r *request) {
	t.Helper()
	openssl := testtool.Find(t, "openssl")
	signature, err := base64.StdEncoding.DecodeString(r.values("sign")[0])
	require.NoError(t, err)
	dir := t.TempDir()
	body, sig := filepath.Join(dir, "body"), filepath.Join(dir, "sig")
	require.NoError(t, os.WriteFile(body, r.body, 0o600))
	require.NoError(t, os.WriteFile(sig, signature, 0o600))
	out, err := exec.Command(openssl, "dgst", "-sha256", "-verify", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "-signature", sig, body).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "Verified OK")
}

// requestTime is in UTC, whatever the machine's time zone and whatever zone the application uses in
// a requestTime of its own.
func TestCallTimeZones(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	for _, zone := range []string{"Asia/Shanghai", "America/St_Johns"} {
		s := startSidecar(t, setup{gateway: gateway.url(), env: []string{"TZ=" + zone}})
		block, user := data()
		requireSuccess(t, s.post(t, `{"requestTime":"2001-01-01T00:00:00.000+08:00","data":`+block+`}`))
		calls := gateway.about(user)
		require.Len(t, calls, 1)
		requireNow(t, readEnvelope(t, calls[0]).RequestTime)
	}
}

// The application's data is signed and sent byte for byte: with a rounded number or a rewritten
// escape it would be another payment.
func TestCallKeepsDataVerbatim(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	for name, block := range map[string]string{
		"decimals":              `{"totalAmount":10000.00,"currency":"IDR","country":"ID","userId":"U"}`,
		"exponent":              `{"totalAmount":1e4,"currency":"IDR","country":"ID","userId":"U"}`,
		"capital exponent":      `{"totalAmount":1.50E+1,"currency":"IDR","country":"ID","userId":"U"}`,
		"big integer":           `{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U","serial":90071992547409931234567890}`,
		"precise decimal":       `{"totalAmount":0.1000,"currency":"USD","country":"US","userId":"U","rate":0.12345678901234567890123456789}`,
		"negative zero":         `{"totalAmount":-0,"currency":"IDR","country":"ID","userId":"U"}`,
		"escapes":               `{"totalAmount":1,"currency":"\u0049DR","country":"I\u0044","userId":"\ud83d\ude00\/\b\f\n\r\t\"\\\u00e9"}`,
		"HTML":                  `{"totalAmount":1,"currency":"IDR","country":"ID","userId":"<a href='x'>&amp;</a>"}`,
		"U+2028 and NUL":        "{\"totalAmount\":1,\"currency\":\"IDR\",\"country\":\"ID\",\"userId\":\"a\u2028b\u2029c\\u0000\"}",
		"not ASCII":             `{"totalAmount":1,"currency":"IDR","country":"ID","userId":"Ωέ 支付 😀 é"}`,
		"DEL and noncharacters": "{\"totalAmount\":1,\"currency\":\"IDR\",\"country\":\"ID\",\"userId\":\"\x7f\ufffe\ufffd\"}",
		"unknown members":       `{"zzz":{"b":[1,2.0,{"a":null}],"a":true},"totalAmount":1,"currency":"IDR","country":"ID","userId":"U","":""}`,
		"member order":          `{"userId":"U","country":"ID","totalAmount":1,"b":1,"a":2,"currency":"IDR"}`,
		"white space":           "{ \t\"totalAmount\" :\r\n1\n,  \"currency\":\"IDR\",\"country\" : \"ID\" , \"userId\":\"U\"\n}",
		"envelope's names":      `{"totalAmount":1,"currency":"IDR","country":"ID","userId":"U","data":{"data":1},"appId":"x","sign":"y","version":"0"}`,
	} {
		t.Run(name, func(t *testing.T) {
			before := len(gateway.received())
			requireSuccess(t, s.post(t, " {\n\"data\" :\t"+block+" } "))
			calls := gateway.received()[before:]
			require.Len(t, calls, 1)
			require.Equal(t, block, string(readEnvelope(t, calls[0]).Data))
		})
	}
}

// The private key may have any of the formats that PayerMax's dashboard, the SDKs and OpenSSL
// write.
func TestPrivateKeyForms(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	pkcs1, pkcs8 := testkeys.PKCS1(testkeys.Merchant()), testkeys.PKCS8(testkeys.Merchant())

	for name, text := range map[string]string{
		"PKCS#8 PEM":             testkeys.PEM("PRIVATE KEY", pkcs8),
		"PKCS#1 PEM":             testkeys.PEM("RSA PRIVATE KEY", pkcs1),
		"PKCS#8 labelled PKCS#1": testkeys.PEM("RSA PRIVATE KEY", pkcs8),
		"PKCS#1 labelled PKCS#8": testkeys.PEM("PRIVATE KEY", pkcs1),
		"PKCS#8 on one line":     testkeys.OneLine(pkcs8),
		"PKCS#1 on one line":     testkeys.OneLine(pkcs1) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := testkeys.WriteFile(t, text)
			s := startSidecar(t, setup{site: "payermax {\ngateway " + gateway.url() + "\napp_id " + appID +
				"\nprivate_key " + file + "\ngateway_public_key " + testkeys.WriteFile(t, testkeys.OneLine(testkeys.SPKI(&testkeys.Gateway().PublicKey))) + "\n}"})
			before := len(gateway.received())
			requireSuccess(t, s.post(t, validBody()))
			require.Len(t, gateway.received(), before+1)
		})
	}
}

// One connection serves many requests, and many connections serve at the same time.
func TestCallsInParallel(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	const workers, each = 16, 10
	var sessions sync.Map
	s.keepCalling(t, workers, func(made int, res *response, err error) bool {
		if assert.NoError(t, err) {
			assert.Equal(t, success, withoutOwnSession(res.body))
			_, mixedUp := sessions.LoadOrStore(string(res.body), true)
			assert.False(t, mixedUp, "two calls got one session")
		}
		return made < each
	}).Wait()
	require.Len(t, gateway.received(), workers*each)
}
