package sandbox

import (
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

const (
	testAppID      = "3b242b56a8b64274bcc37dac281120e3"
	testMerchantNo = "020213827212251"
	testPath       = "/aggregate-pay/api/gateway/applyDropinSession"
)

// testNow is the time of the example on PayerMax's page.
var testNow = time.Date(2022, 1, 17, 9, 5, 52, 194e6, time.UTC)

// requestBody returns a valid request of a version with the given data, which may be any JSON.
func requestBody(version, data string) string {
	return fmt.Sprintf(`{"version":%q,"keyVersion":"1","requestTime":"2022-01-17T09:05:52.194+00:00","appId":%q,`+
		`"merchantNo":%q,"data":%s}`, version, testAppID, testMerchantNo, data)
}

const validData = `{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001","componentList":["CARD"]}`

var validBody = requestBody("1.5", validData)

func newGateway(t testing.TB) *Gateway {
	t.Helper()
	g, err := New(testkeys.Gateway(), Merchant{
		AppID: testAppID, MerchantNo: testMerchantNo, PublicKey: &testkeys.Merchant().PublicKey,
	})
	require.NoError(t, err)
	g.Clock = func() time.Time { return testNow }
	return g
}

func signWith(t testing.TB, key *rsa.PrivateKey, body string) string {
	t.Helper()
	signature, err := sign(key, []byte(body))
	require.NoError(t, err)
	return signature
}

func newRequest(body string, signs ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, testPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header["Sign"] = signs
	return r
}

func serve(g *Gateway, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

type result struct {
	Code string          `json:"code"`
	Msg  string          `json:"msg"`
	Data json.RawMessage `json:"data"`
}

// readAnswer checks what all JSON answers have in common: status, headers and a valid signature.
func readAnswer(t testing.TB, g *Gateway, w *httptest.ResponseRecorder) result {
	t.Helper()
	raw := w.Body.Bytes()
	require.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/json;charset=UTF-8", w.Header().Get("Content-Type"))
	assert.Equal(t, fmt.Sprint(len(raw)), w.Header().Get("Content-Length"))
	assert.NotEmpty(t, w.Header().Get("Date"))
	assert.True(t, verify(g.PublicKey(), raw, w.Header().Values("sign")), "the answer's signature")
	var res result
	require.NoError(t, json.Unmarshal(raw, &res))
	return res
}

// ask sends body with a valid signature.
func ask(t testing.TB, g *Gateway, body string) result {
	t.Helper()
	return readAnswer(t, g, serve(g, newRequest(body, signWith(t, testkeys.Merchant(), body))))
}

func assertRefused(t testing.TB, res result, code, msg string) {
	t.Helper()
	assert.Equal(t, code, res.Code)
	assert.Equal(t, msg, res.Msg)
	assert.Empty(t, res.Data)
}

// success is the gateway's message for an accepted request.
const success = "Success."

// assertAnswered expects a success if msg is success, or else a refusal, with PARAMS_INVALID if code is empty.
func assertAnswered(t testing.TB, res result, code, msg string) {
	t.Helper()
	if msg == success {
		assert.Equal(t, "APPLY_SUCCESS", res.Code, res.Msg)
		return
	}
	assertRefused(t, res, cmp.Or(code, "PARAMS_INVALID"), msg)
}

func TestServeHTTPAnswersASignedRequest(t *testing.T) {
	g := newGateway(t)
	w := serve(g, newRequest(validBody, signWith(t, testkeys.Merchant(), validBody)))
	res := readAnswer(t, g, w)
	assert.Equal(t, "APPLY_SUCCESS", res.Code)
	assert.Equal(t, "Success.", res.Msg)
	assert.Equal(t, "Mon, 17 Jan 2022 09:05:52 GMT", w.Header().Get("Date"))
}

func TestServeHTTPPlainRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"get", http.MethodGet, testPath, "", http.StatusMethodNotAllowed},
		{"put", http.MethodPut, testPath, validBody, http.StatusMethodNotAllowed},
		{"unknown interface", http.MethodPost, "/aggregate-pay/api/gateway/applyDropin", validBody, http.StatusNotFound},
		{"get of an unknown interface", http.MethodGet, "/aggregate-pay/api/gateway/", "", http.StatusNotFound},
		{"name without the base path", http.MethodPost, "/applyDropinSession", validBody, http.StatusNotFound},
		{"trailing slash", http.MethodPost, testPath + "/", validBody, http.StatusNotFound},
		{"too long", http.MethodPost, testPath, strings.Repeat(" ", maxBody+1), http.StatusRequestEntityTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			var seen Call
			g.OnCall = func(c Call) { seen = c }
			r := newRequest(tt.body, signWith(t, testkeys.Merchant(), tt.body))
			r.Method, r.URL.Path = tt.method, tt.path
			w := serve(g, r)
			assert.Equal(t, tt.status, w.Code)
			assert.Empty(t, w.Header().Values("sign"))
			assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			assert.NotEmpty(t, w.Header().Get("Date"))
			if tt.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "POST", w.Header().Get("Allow"))
			}
			assert.Empty(t, seen.Code)
			assert.False(t, seen.Verified)
			assert.Equal(t, w.Body.Bytes(), seen.Answer)
		})
	}
}

func TestServeHTTPTakesTheLongestBody(t *testing.T) {
	body := validBody + strings.Repeat(" ", maxBody-len(validBody))
	assert.Equal(t, "APPLY_SUCCESS", ask(t, newGateway(t), body).Code)
}

func TestServeHTTPWithoutASignatureOfItsOwn(t *testing.T) {
	g := newGateway(t)
	g.key = &rsa.PrivateKey{}
	w := serve(g, newRequest(validBody, signWith(t, testkeys.Merchant(), validBody)))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "APPLY_SUCCESS")
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestServeHTTPBrokenBody(t *testing.T) {
	r := newRequest("")
	r.Body = io.NopCloser(brokenBody{})
	assert.Equal(t, http.StatusBadRequest, serve(newGateway(t), r).Code)
}

// A refusal must name the first problem, in the order in which PayerMax's checks depend on each other.
func TestServeHTTPOrderOfChecks(t *testing.T) {
	g := strictGateway(t)
	const badData = `{"currency":1}`
	late := strings.Replace(requestBody("9.9", badData), "09:05", "09:55", 1)

	t.Run("a bad signature hides what is wrong with the time, the version and the data", func(t *testing.T) {
		res := readAnswer(t, g, serve(g, newRequest(late, signWith(t, testkeys.Stranger(), late))))
		assertRefused(t, res, "SIGN_VERIFY_FAILED", "The signature verify failed.")
	})
	t.Run("then the time", func(t *testing.T) {
		assert.Equal(t, "REQ_TIME_OVER_TIME", ask(t, g, late).Code)
	})
	t.Run("then the version", func(t *testing.T) {
		assert.Contains(t, ask(t, g, requestBody("9.9", badData)).Msg, "version must be")
	})
	t.Run("then the data", func(t *testing.T) {
		assert.Contains(t, ask(t, g, requestBody("1.5", badData)).Msg, "country is invalid")
	})
}

func TestOnCall(t *testing.T) {
	g := newGateway(t)
	var calls []Call
	g.OnCall = func(c Call) { calls = append(calls, c) }

	signature := signWith(t, testkeys.Merchant(), validBody)
	good := serve(g, newRequest(validBody, signature))
	bad := serve(g, newRequest(validBody, signWith(t, testkeys.Stranger(), validBody)))
	require.Len(t, calls, 2)

	assert.Equal(t, Call{
		Time:       testNow,
		Endpoint:   "applyDropinSession",
		AppID:      testAppID,
		MerchantNo: testMerchantNo,
		Status:     http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}, "Sign": {signature}},
		Body:       []byte(validBody),
		Verified:   true,
		Code:       "APPLY_SUCCESS",
		Msg:        "Success.",
		Answer:     good.Body.Bytes(),
		AnswerSign: good.Header().Get("sign"),
	}, calls[0])

	assert.False(t, calls[1].Verified)
	assert.Equal(t, "the signature is not that of these bytes by the registered key", calls[1].Unverified)
	assert.Equal(t, "SIGN_VERIFY_FAILED", calls[1].Code)
	assert.Equal(t, bad.Body.Bytes(), calls[1].Answer)
	assert.Equal(t, bad.Header().Get("sign"), calls[1].AnswerSign)
}

func TestServeHTTPConcurrently(t *testing.T) {
	g := newGateway(t)
	var mu sync.Mutex
	codes := map[string]int{}
	g.OnCall = func(c Call) {
		mu.Lock()
		defer mu.Unlock()
		codes[c.Code]++
	}
	server := httptest.NewServer(g)
	defer server.Close()

	const rounds = 20
	signature := signWith(t, testkeys.Merchant(), validBody)
	var wg sync.WaitGroup
	for range rounds {
		for _, body := range []string{validBody, validBody + " "} {
			wg.Go(func() {
				r, err := http.NewRequest(http.MethodPost, server.URL+testPath, strings.NewReader(body))
				if !assert.NoError(t, err) {
					return
				}
				r.Header.Set("Content-Type", "application/json; charset=utf-8")
				r.Header.Set("sign", signature)
				resp, err := server.Client().Do(r)
				if !assert.NoError(t, err) {
					return
				}
				defer resp.Body.Close()
				raw, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.True(t, verify(g.PublicKey(), raw, resp.Header.Values("sign")))
			})
		}
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, map[string]int{"APPLY_SUCCESS": rounds, "SIGN_VERIFY_FAILED": rounds}, codes)
}

func TestNilClockIsTheRealOne(t *testing.T) {
	g := newGateway(t)
	g.Clock = nil
	assert.Equal(t, "REQ_TIME_OVER_TIME", ask(t, g, validBody).Code)

	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00")
	body := strings.Replace(validBody, "2022-01-17T09:05:52.194+00:00", now, 1)
	assert.Equal(t, "APPLY_SUCCESS", ask(t, g, body).Code)
}

func TestNew(t *testing.T) {
	short, public := testkeys.Small(), &testkeys.Merchant().PublicKey
	inconsistent := &rsa.PrivateKey{PublicKey: testkeys.Gateway().PublicKey, D: testkeys.Stranger().D, Primes: testkeys.Gateway().Primes}

	for _, tt := range []struct {
		name      string
		key       *rsa.PrivateKey
		merchants []Merchant
		want      string
	}{
		{"no merchant", testkeys.Gateway(), nil, ""},
		{"two merchants", testkeys.Gateway(), []Merchant{{AppID: "a", PublicKey: public}, {AppID: "b", PublicKey: public}}, ""},
		{"no key", nil, nil, "needs a private key"},
		{"short key", short, nil, "has 1024 bits"},
		{"inconsistent key", inconsistent, nil, "the gateway's private key: "},
		{"no appId", testkeys.Gateway(), []Merchant{{PublicKey: public}}, "merchant 0: AppID is empty"},
		{"no merchant key", testkeys.Gateway(), []Merchant{{AppID: "a"}}, `merchant 0: appId "a" has no PublicKey`},
		{"empty merchant key", testkeys.Gateway(), []Merchant{{AppID: "a", PublicKey: &rsa.PublicKey{}}}, "has no PublicKey"},
		{
			"short merchant key", testkeys.Gateway(),
			[]Merchant{{AppID: "a", PublicKey: &short.PublicKey}}, "PublicKey has 1024 bits",
		},
		{
			"token", testkeys.Gateway(),
			[]Merchant{{AppID: "a", PublicKey: public, SPMerchantNo: "SP1", MerchantAuthToken: "!~"}}, "",
		},
		{
			"token with a space", testkeys.Gateway(),
			[]Merchant{{AppID: "a", PublicKey: public, MerchantAuthToken: "x y"}}, "must be visible ASCII without spaces",
		},
		{
			"token with a line break", testkeys.Gateway(),
			[]Merchant{{AppID: "a", PublicKey: public, MerchantAuthToken: "x\n"}}, "must be visible ASCII without spaces",
		},
		{
			"token in another alphabet", testkeys.Gateway(),
			[]Merchant{{AppID: "a", PublicKey: public, MerchantAuthToken: "ü"}}, "must be visible ASCII without spaces",
		},
		{
			"one appId twice", testkeys.Gateway(),
			[]Merchant{{AppID: "a", PublicKey: public}, {AppID: "a", PublicKey: public}},
			`merchant 1: appId "a" is registered twice`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := New(tt.key, tt.merchants...)
			if tt.want == "" {
				require.NoError(t, err)
				assert.Equal(t, &tt.key.PublicKey, g.PublicKey())
				return
			}
			assert.ErrorContains(t, err, tt.want)
			assert.Nil(t, g)
		})
	}
}
