package doctor

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestExplain(t *testing.T) {
	uat := Gateway{Environment: "uat"}
	numbered := Merchant{MerchantNo: value("merchant_no", "m"), QueryVersion: "1.4"}
	for _, test := range []struct {
		code          string
		merchant      Merchant
		outcome       Outcome
		message, next string
	}{
		{"ORDER_NOT_EXIST", numbered, OK, "accepts the signature", ""},
		{"APPLY_SUCCESS", numbered, OK, "accepts the signature", ""},
		{"SIGN_VERIFY_FAILED", numbered, Problem, signer.Fingerprint(&testkeys.Merchant().PublicKey), "check in this order: (1) the public key of exactly this private key is uploaded in PayerMax's dashboard for uat; (2)"},
		{"MERCHANT_APP_INVALID", numbered, Problem, "has no public key for this app_id", "compare app_id with PayerMax's dashboard for uat"},
		{"MERCHANT_INVALID", numbered, Problem, "does not accept this merchant", "compare merchant_no"},
		{"REQ_TIME_OVER_TIME", numbered, Problem, "more than two minutes", "NTP"},
		{"PARAMS_INVALID", numbered, Problem, "version 1.4 of orderQuery", "compare app_id and merchant_no"},
		{"PARAMS_INVALID", Merchant{}, Problem, "most likely merchantNo", "set merchant_no"},
		{"LOOP_DETECTED", numbered, Problem, "a sidecar", "correct gateway"},
		{"SYSTEM_ERROR", numbered, Warning, "cannot process the request at the moment", "try again"},
		{"TOO_MANY_REQUEST", numbered, Warning, "cannot process the request at the moment", "try again"},
		{"SOMETHING_NEW", numbered, Warning, "SOMETHING_NEW: PayerMax answers", "documentation"},
		{"canary: <b>", numbered, Warning, "a code in an unknown format", "documentation"},
	} {
		result := explain(test.code, uat, test.merchant, merchantKeys{signing: testkeys.Merchant()}, true)
		assert.Equal(t, test.outcome, result.Outcome, test.code)
		assert.Contains(t, result.Message, test.message)
		assert.Contains(t, result.Next, test.next)
		assert.NotContains(t, result.Message, "canary")
	}
}

// sentEnvelope is the decoded body of a call.
type sentEnvelope struct {
	Version, KeyVersion, RequestTime, AppID, MerchantNo, SPMerchantNo string
	Data                                                              struct{ OutTradeNo string }
}

// The call is like the sidecar's: signed, filled in, and for an order that cannot exist.
func TestCallIsSignedAndHarmless(t *testing.T) {
	calls := make(chan *http.Request, 2)
	bodies := make(chan []byte, 2)
	g := gatewayThat(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		calls <- r
		bodies <- body
		answerSigned(w, testkeys.Gateway(), `{"code":"ORDER_NOT_EXIST","msg":"canary-in-the-answer"}`)
	})
	m := Merchant{
		AppID: value("app_id", "app"), MerchantNo: value("merchant_no", "m"), SPMerchantNo: value("sp_merchant_no", "sp"),
		AuthToken: value("merchant_auth_token", "the token"), KeyVersion: value("key_version", "2"), QueryVersion: "1.4",
	}
	keys := merchantKeys{signing: testkeys.Merchant(), gateway: []*rsa.PublicKey{&testkeys.Next().PublicKey, &testkeys.Gateway().PublicKey}}
	var numbers []string
	for range 2 {
		results := checkCall(t.Context(), g, m, keys)
		require.Len(t, results, 2)
		assert.Equal(t, []Outcome{OK, OK}, []Outcome{results[0].Outcome, results[1].Outcome}, "%v", results)
		assert.Contains(t, results[1].Message, "verifies with "+signer.Fingerprint(&testkeys.Gateway().PublicKey))
		assert.NotContains(t, fmt.Sprint(results), "canary")

		r, body := <-calls, <-bodies
		assert.Equal(t, "POST /aggregate-pay/api/gateway/orderQuery", r.Method+" "+r.URL.String())
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.Equal(t, []string{"the token"}, r.Header["Merchant_auth_token"])
		require.Len(t, r.Header["Sign"], 1)
		require.NoError(t, signer.Verify(&testkeys.Merchant().PublicKey, body, r.Header.Get("Sign")))
		assert.NotContains(t, fmt.Sprint(results), r.Header.Get("Sign")[:20])

		var sent sentEnvelope
		require.NoError(t, json.Unmarshal(body, &sent))
		assert.Equal(t, []string{"1.4", "2", "app", "m", "sp"}, []string{sent.Version, sent.KeyVersion, sent.AppID, sent.MerchantNo, sent.SPMerchantNo})
		assert.Regexp(t, `^DOCTOR\d{20}$`, sent.Data.OutTradeNo)
		stamped, err := time.Parse("2006-01-02T15:04:05.000-07:00", sent.RequestTime)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), stamped, time.Minute)
		numbers = append(numbers, sent.Data.OutTradeNo)
	}
	assert.NotEqual(t, numbers[0], numbers[1])
}

// gatewayThat returns a gateway on this machine that answers with a handler.
func gatewayThat(t *testing.T, answers http.HandlerFunc) Gateway {
	t.Helper()
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	return Gateway{URL: server.URL}
}

func answerSigned(w http.ResponseWriter, key *rsa.PrivateKey, body string) {
	sign, err := signer.Sign(context.Background(), key, []byte(body))
	if err != nil {
		panic(err)
	}
	w.Header().Set("sign", sign)
	_, _ = io.WriteString(w, body)
}

func TestCheckCall(t *testing.T) {
	const refused = `{"code":"SIGN_VERIFY_FAILED","msg":"canary"}`
	both := merchantKeys{signing: testkeys.Merchant(), next: testkeys.Next()}
	for name, test := range map[string]struct {
		answer  http.HandlerFunc
		keys    merchantKeys
		outcome Outcome
		message string
	}{
		"a page": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>canary", http.StatusForbidden) }, merchantKeys{signing: testkeys.Merchant()}, Problem, "HTTP 403, but not PayerMax's JSON"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/canary", http.StatusFound)
		}, merchantKeys{signing: testkeys.Merchant()}, Problem, "HTTP 302"},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, merchantKeys{signing: testkeys.Merchant()}, Problem, "the connection was closed without an answer"},
		"an answer cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "canary")
		}, merchantKeys{signing: testkeys.Merchant()}, Problem, "the answer broke off"},
		"a key that fails": {func(http.ResponseWriter, *http.Request) {}, merchantKeys{signing: distantKey{key: testkeys.Merchant(), fails: true}}, Problem, "the HSM is asleep"},
		"the key refused":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, refused) }, both, Problem, "SIGN_VERIFY_FAILED"},
		"the next key accepted": {func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if signer.Verify(&testkeys.Next().PublicKey, body, r.Header.Get("Sign")) != nil {
				_, _ = io.WriteString(w, refused)
				return
			}
			_, _ = io.WriteString(w, `{"code":"ORDER_NOT_EXIST"}`)
		}, both, Warning, "refuses the private key and accepts the next key"},
	} {
		t.Run(name, func(t *testing.T) {
			results := checkCall(t.Context(), gatewayThat(t, test.answer), Merchant{AppID: value("app_id", "app")}, test.keys)
			assert.Equal(t, test.outcome, results[0].Outcome)
			assert.Contains(t, results[0].Message, test.message)
			assert.NotEmpty(t, results[0].Next)
			assert.NotContains(t, fmt.Sprint(results), "canary")
		})
	}
}

func TestCheckAnswer(t *testing.T) {
	const refusal, success = `{"code":"ORDER_NOT_EXIST"}`, `{"code":"APPLY_SUCCESS"}`
	signed := func(key *rsa.PrivateKey, body string) []string {
		sign, err := signer.Sign(context.Background(), crypto.Signer(key), []byte(body))
		require.NoError(t, err)
		return []string{sign}
	}
	keys := []*rsa.PublicKey{&testkeys.Gateway().PublicKey}
	for name, test := range map[string]struct {
		keys    []*rsa.PublicKey
		answer  answer
		outcome Outcome
		message string
	}{
		"verified":         {keys, answer{200, signed(testkeys.Gateway(), refusal), []byte(refusal), "ORDER_NOT_EXIST"}, OK, "verifies with"},
		"of another key":   {keys, answer{200, signed(testkeys.Next(), refusal), []byte(refusal), "ORDER_NOT_EXIST"}, Problem, "does not verify with any configured gateway_public_key"},
		"of another body":  {keys, answer{200, signed(testkeys.Gateway(), refusal), []byte(success), "APPLY_SUCCESS"}, Problem, "does not verify with any configured gateway_public_key"},
		"unsigned refusal": {keys, answer{200, nil, []byte(refusal), "ORDER_NOT_EXIST"}, OK, "it is not signed"},
		"unsigned success": {keys, answer{200, nil, []byte(success), "APPLY_SUCCESS"}, Problem, "says APPLY_SUCCESS but is not signed"},
		"two signatures":   {keys, answer{200, []string{"a", "b"}, []byte(refusal), "ORDER_NOT_EXIST"}, Problem, "2 signatures"},
		"no key":           {nil, answer{200, signed(testkeys.Gateway(), refusal), []byte(refusal), "ORDER_NOT_EXIST"}, NotChecked, "no usable gateway public key"},
	} {
		result := checkAnswer(test.keys, &test.answer)
		assert.Equal(t, test.outcome, result.Outcome, name)
		assert.Contains(t, result.Message, test.message, name)
		if len(test.answer.sign) == 1 {
			assert.NotContains(t, result.Message+result.Next, test.answer.sign[0][:20], name)
		}
	}
}

// A call counts as successful only if PayerMax's own key has signed the answer, and
// everything works only if there is no other problem.
func TestCallClaimsNoMoreThanIsKnown(t *testing.T) {
	const code = `{"code":"ORDER_NOT_EXIST"}`
	unsigned := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, code) }
	signedBy := func(key *rsa.PrivateKey) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answerSigned(w, key, code) }
	}
	signedTwice := func(w http.ResponseWriter, r *http.Request) {
		sign, err := signer.Sign(r.Context(), testkeys.Gateway(), []byte(code))
		if err != nil {
			panic(err)
		}
		w.Header()["Sign"] = []string{sign, sign}
		unsigned(w, r)
	}
	gatewayKeys := []*rsa.PublicKey{&testkeys.Gateway().PublicKey}
	for name, test := range map[string]struct {
		answer      http.HandlerFunc
		keys        []*rsa.PublicKey
		found       []Result
		hasProblems bool
		outcome     Outcome
		everything  bool
	}{
		"signed":                            {answer: signedBy(testkeys.Gateway()), keys: gatewayKeys, outcome: OK, everything: true},
		"unsigned":                          {answer: unsigned, keys: gatewayKeys, outcome: Warning},
		"signed by another":                 {answer: signedBy(testkeys.Next()), keys: gatewayKeys, outcome: Warning},
		"signed twice":                      {answer: signedTwice, keys: gatewayKeys, outcome: Warning},
		"signed, but nothing verifies":      {answer: signedBy(testkeys.Gateway()), outcome: Warning},
		"signed, but a handler's problem":   {answer: signedBy(testkeys.Gateway()), keys: gatewayKeys, found: []Result{problem("times", "too short")}, outcome: OK},
		"signed, but a problem of the rest": {answer: signedBy(testkeys.Gateway()), keys: gatewayKeys, hasProblems: true, outcome: OK},
	} {
		t.Run(name, func(t *testing.T) {
			g := gatewayThat(t, test.answer)
			e := examination{options: Options{Call: true}, reached: map[gatewayID]bool{g.id(): true}}
			h := Handler{Gateways: []Gateway{g}, Merchants: []Merchant{{AppID: value("app_id", "app"), QueryVersion: "1.4"}}}
			e.add("handler", test.found...)
			e.calls(t.Context(), h, []merchantKeys{{signing: testkeys.Merchant(), gateway: test.keys}})
			report := e.concluded(test.hasProblems)
			for _, r := range report {
				if r.Check == callCheck {
					assert.Equal(t, test.outcome, r.Outcome, r.Message)
					assert.Equal(t, test.everything, strings.HasSuffix(r.Message, "; everything works"), r.Message)
				}
			}
		})
	}
}
