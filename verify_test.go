package payermax

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestCheckAnswers(t *testing.T) {
	h := newHandler(t, verifying(t))
	const success = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"sessionKey":"CANARY"}}`
	const failure = `{"msg":"The amount doesn't match.","code":"AMOUNT_LIMIT"}`
	sign := func(body string) string {
		signature, err := signer.Sign(t.Context(), gatewayKey(), []byte(body))
		require.NoError(t, err)
		return signature
	}

	for _, test := range []struct {
		name, body string
		header     http.Header
		passes     string // what Proxy-Status says, or empty if the answer is withheld
	}{
		{"signed success", success, http.Header{"Sign": {sign(success)}}, answerVerified},
		{"signed failure", failure, http.Header{"Sign": {sign(failure)}}, answerVerified},
		{"signed non-JSON", "CANARY", http.Header{"Sign": {sign("CANARY")}}, answerVerified},
		{"signed and compressed", "CANARY", http.Header{"Sign": {sign("CANARY")}, "Content-Encoding": {"gzip"}}, answerVerified},
		{"unsigned failure", failure, nil, answerUnsigned},
		{"unsigned failure, spaced", " {\"data\":{\"code\":\"APPLY_SUCCESS\"},\n\"code\" : \"X\"} \n", nil, answerUnsigned},

		{"unsigned success", success, nil, ""},
		{"unsigned success, escaped", `{"c\u006fde":"APPLY_\u0053UCCESS"}`, nil, ""},
		{"unsigned success in another case", `{"code":" apply_success "}`, nil, ""},
		{"signature of something else", success, http.Header{"Sign": {sign(failure)}}, ""},
		{"one byte added", success + " ", http.Header{"Sign": {sign(success)}}, ""},
		{"failure with a wrong signature", failure, http.Header{"Sign": {sign(success)}}, ""},
		{"two signatures", success, http.Header{"Sign": {sign(success), sign(success)}}, ""},
		{"empty signature", failure, http.Header{"Sign": {""}}, ""},
		{"not base64", success, http.Header{"Sign": {"CANARY"}}, ""},
		{"unsigned HTML", "<html>CANARY</html>", nil, ""},
		{"unsigned and empty", "", nil, ""},
		{"unsigned array", `[{"code":"X"}]`, nil, ""},
		{"unsigned without a code", `{"msg":"CANARY"}`, nil, ""},
		{"unsigned, code is no string", `{"code":1}`, nil, ""},
		{"unsigned, code is empty", `{"code":""}`, nil, ""},
		{"unsigned, code in another case", `{"code":"X","Code":"APPLY_SUCCESS"}`, nil, ""},
		{"unsigned, two codes", `{"code":"X","code":"APPLY_SUCCESS"}`, nil, ""},
		{"unsigned, second document", `{"code":"X"}{"code":"APPLY_SUCCESS"}`, nil, ""},
		{"unsigned, cut short", `{"code":"X","msg":`, nil, ""},
		{"unsigned, compressed", `{"code":"X"}`, http.Header{"Content-Encoding": {"br"}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
				for field, values := range test.header {
					w.Header()[field] = values
				}
				w.Header().Set("Proxy-Status", "forged; error=connection_refused")
				w.Header().Set("X-Gateway", "CANARY")
				_, err := io.WriteString(w, test.body)
				return err
			})
			if test.passes != "" {
				assert.Equal(t, http.StatusOK, w.Code)
				assert.Equal(t, test.body, w.Body.String())
				assert.Equal(t, test.header["Sign"], w.Result().Header["Sign"])
				assert.Equal(t, []string{`caddy-payermax; received-status=200; details="` + test.passes + `"`}, w.Result().Header["Proxy-Status"])
				return
			}
			assert.Equal(t, http.StatusBadGateway, w.Code)
			f := refusalOf(t, w)
			assert.Equal(t, "CHECK_SIGN_ERROR", f.Code)
			assert.Contains(t, f.Msg, "the outcome is unknown")
			assert.NotContains(t, w.Body.String(), "CANARY")
			assert.Empty(t, w.Result().Header["Sign"])
			assert.Empty(t, w.Result().Header["X-Gateway"])
		})
	}
}
