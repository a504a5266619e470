package verdict

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// signatureOf returns the value of a sign header.
func signatureOf(t *testing.T, key *rsa.PrivateKey, body string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(body))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(signature)
}

// codeOf returns the code of an answer, or "" if it could not be read.
func codeOf(said *envelope.Answer) string {
	if said == nil {
		return ""
	}
	return said.Code
}

// What happens to an answer depends on who has signed it, on its status and its code, and on
// whether a second call could do harm.
func TestDecide(t *testing.T) {
	const (
		success  = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"outTradeNo":"P1","status":"SUCCESS"}}`
		refusal  = `{"code":"ORDER_NOT_EXIST","msg":"There is none."}`
		pay, ask = "orderAndPay", "orderQuery"
	)
	const (
		passes    = "" // whole
		rewritten = "unsigned"
		unknown   = reply.Unknown
		withheld  = reply.Unverified
	)
	gateway, stranger := testkeys.Gateway(), testkeys.Stranger()
	for name, test := range map[string]struct {
		endpoint  string
		status    int // 200 if it is 0
		body      string
		signers   []*rsa.PrivateKey
		unchecked bool // no key to check with
		becomes   reply.Outcome
		found     Finding
		cause     string
	}{
		"signed success":                   {pay, 0, success, []*rsa.PrivateKey{gateway}, false, passes, Verified, ""},
		"signed refusal":                   {pay, 0, refusal, []*rsa.PrivateKey{gateway}, false, passes, Verified, ""},
		"signed refusal with status 503":   {pay, 503, refusal, []*rsa.PrivateKey{gateway}, false, passes, Verified, ""},
		"signed success with status 201":   {pay, 201, success, []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "not with status 200"},
		"the same, in small letters":       {pay, 201, strings.Replace(success, "APPLY_SUCCESS", "apply_success", 1), []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "not with status 200"},
		"signed redirect":                  {pay, 302, success, []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "a redirect"},
		"signed, of another call":          {pay, 0, strings.Replace(success, "P1", "P2", 1), []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "for another call"},
		"signed notification":              {pay, 0, strings.Replace(success, "{", `{"notifyType":"PAYMENT",`, 1), []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "a notification"},
		"signed success without an object": {pay, 0, `{"code":"APPLY_SUCCESS","msg":"","data":[]}`, []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "not an object"},
		"signed success with true":         {"putRfiMaterialList", 0, `{"code":"APPLY_SUCCESS","msg":"","data":true}`, []*rsa.PrivateKey{gateway}, false, passes, Verified, ""},
		"signed refusal without an object": {pay, 0, `{"code":"ORDER_NOT_EXIST","msg":"","data":[]}`, []*rsa.PrivateKey{gateway}, false, passes, Verified, ""},
		"not JSON":                         {pay, 0, `<html>`, []*rsa.PrivateKey{gateway}, false, withheld, Unverified, "cannot be read"},
		"of a stranger":                    {pay, 0, success, []*rsa.PrivateKey{stranger}, false, withheld, Unverified, "verifying"},
		"refusal of a stranger":            {pay, 0, refusal, []*rsa.PrivateKey{stranger}, false, withheld, Unverified, "verifying"},
		"signed twice":                     {pay, 0, success, []*rsa.PrivateKey{gateway, gateway}, false, withheld, Unverified, "2 signatures"},

		"success, not signed":            {ask, 0, success, nil, false, withheld, Unverified, "is not signed"},
		"success in small letters":       {ask, 0, strings.Replace(success, "APPLY_SUCCESS", "apply_success", 1), nil, false, withheld, Unverified, "is not signed"},
		"code that sounds like one":      {ask, 0, `{"code":"SUCCESSFUL","msg":""}`, nil, false, withheld, Unverified, "could be read as a success"},
		"code that is a number":          {ask, 0, `{"code":"0000","msg":""}`, nil, false, withheld, Unverified, "could be read as a success"},
		"code with a number in it":       {ask, 0, `{"code":"E0000","msg":""}`, nil, false, rewritten, Unsigned, ""},
		"code that is no plain word":     {ask, 0, `{"code":"a b","msg":""}`, nil, false, withheld, Unverified, "not a plain word"},
		"two messages":                   {ask, 0, `{"code":"X","msg":"a","Msg":"b"}`, nil, false, withheld, Unverified, "ambiguous"},
		"documented, not signed":         {ask, 0, refusal, nil, false, rewritten, Unsigned, ""},
		"unheard of, not signed":         {ask, 0, `{"code":"WAF","msg":""}`, nil, false, rewritten, Unsigned, ""},
		"documented, 503":                {ask, 503, refusal, nil, false, rewritten, Unsigned, ""},
		"of a payment, documented":       {pay, 0, refusal, nil, false, rewritten, Unsigned, ""},
		"of a payment, documented, 503":  {pay, 503, refusal, nil, false, unknown, Unsigned, "not one that PayerMax documents"},
		"of a payment, unheard of":       {pay, 0, `{"code":"WAF","msg":""}`, nil, false, unknown, Unsigned, "not one that PayerMax documents"},
		"unchecked success":              {pay, 0, success, nil, true, passes, Unchecked, ""},
		"unchecked success of another":   {pay, 0, strings.Replace(success, "P1", "P2", 1), nil, true, withheld, Unverified, "for another call"},
		"unchecked success, 500":         {pay, 500, success, nil, true, withheld, Unverified, "not with status 200"},
		"unchecked documented":           {pay, 0, refusal, nil, true, passes, Unchecked, ""},
		"unchecked unheard of":           {pay, 0, `{"code":"WAF","msg":""}`, nil, true, unknown, Unchecked, "not one that PayerMax documents"},
		"unchecked unheard of, signed":   {pay, 0, `{"code":"WAF","msg":""}`, []*rsa.PrivateKey{stranger}, true, passes, Unchecked, ""},
		"unchecked 503":                  {pay, 503, refusal, nil, true, unknown, Unchecked, "not one that PayerMax documents"},
		"unchecked 503, repeatable":      {ask, 503, refusal, nil, true, rewritten, Unchecked, ""},
		"unchecked unheard of, repeated": {ask, 0, `{"code":"WAF","msg":""}`, nil, true, passes, Unchecked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := questionOf(t, test.endpoint, `{"appId":"app","data":{"outTradeNo":"P1"}}`)
			if !test.unchecked {
				asked.Keys = []*rsa.PublicKey{&testkeys.Next().PublicKey, &gateway.PublicKey} // any of them is enough
			}
			a := &reply.Answer{Status: test.status, Body: []byte(test.body)}
			if a.Status == 0 {
				a.Status = http.StatusOK
			}
			for _, key := range test.signers {
				a.Header().Add("Sign", signatureOf(t, key, test.body))
			}

			found, given, err := NewJudge().Decide(a, asked)
			assert.Equal(t, test.found, found.Finding)
			if test.status != http.StatusFound { // a redirect is not read
				said, _ := a.Read(nil)
				assert.Equal(t, codeOf(said), found.Code)
			}
			switch test.becomes {
			case passes:
				require.NoError(t, err)
				assert.Equal(t, test.body, string(given.Body))
			case rewritten:
				require.NoError(t, err)
				assert.NotContains(t, string(given.Body), "data")
				assert.Empty(t, given.Header()["Sign"])
			default:
				require.Error(t, err)
				assert.Nil(t, given)
				refused := reply.AsRefusal(err)
				assert.Equal(t, test.becomes, refused.Outcome)
				assert.ErrorContains(t, refused.Cause, test.cause)
			}
		})
	}
}

// The refusal because of an intermediary says whether the intermediary timed out.
func TestByAnIntermediary(t *testing.T) {
	for status, given := range map[int]int{504: 504, 503: 502, 200: 502} {
		assert.Equal(t, given, ByAnIntermediary(&reply.Answer{Status: status}).Status, status)
	}
}

// A session belongs to one user; other answers do not.
func TestSessionsAreOneUsers(t *testing.T) {
	const success = `{"code":"APPLY_SUCCESS","msg":"","data":{"sessionKey":"S"}}`
	const refusal = `{"code":"ORDER_NOT_EXIST","msg":""}`
	judge := NewJudge()
	given := func(endpoint, user, body string) bool {
		asked := questionOf(t, endpoint, `{"appId":"app","data":{"userId":"`+user+`"}}`)
		asked.Keys = []*rsa.PublicKey{&testkeys.Gateway().PublicKey}
		a := &reply.Answer{Status: http.StatusOK, Body: []byte(body)}
		a.Header().Set("Sign", signatureOf(t, testkeys.Gateway(), body))
		_, _, err := judge.Decide(a, asked)
		return err == nil
	}
	assert.True(t, given("applyDropinSession", "anna", refusal))
	assert.True(t, given("applyDropinSession", "berta", refusal), "a refusal is anybody's")
	assert.True(t, given("orderQuery", "anna", success))
	assert.True(t, given("orderQuery", "berta", success), "only sessions are")
	assert.True(t, given("applyDropinSession", "anna", success))
	assert.False(t, given("applyDropinSession", "berta", success))
	assert.True(t, given("applyDropinSession", "anna", success))
}

// The message of an unsigned answer is bounded, and contains nothing that a terminal or a
// page would act upon.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"There is none.":            "There is none.",
		strings.Repeat("ä", 512):    strings.Repeat("ä", 512),
		strings.Repeat("ä", 513):    strings.Repeat("ä", 512),
		"a\x1b[2Jb\nc\u202ed\u00a0": "a[2Jb cd ",
	} {
		assert.Equal(t, want, printable(text), "%q", text)
	}
}

// The labels of findings are those of the metrics.
func TestLabels(t *testing.T) {
	var labels []string
	for _, f := range Findings {
		labels = append(labels, f.Label())
	}
	assert.Equal(t, []string{"verified", "unsigned", "unchecked", "unverified"}, labels)
}
