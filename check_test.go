package payermax

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestCheckAnswers(t *testing.T) {
	h := newHandler(t, verifying(t))
	const success = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"sessionKey":"CANARY"}}`
	const failure = `{"msg":"The amount doesn't match.","code":"AMOUNT_LIMIT"}`
	const notification = `{"code":"APPLY_SUCCESS","notifyType":"PAYMENT","data":{"status":"SUCCESS"}}`
	sign := func(body string) string {
		signature, err := signer.Sign(t.Context(), gatewayKey(), []byte(body))
		require.NoError(t, err)
		return signature
	}

	for _, test := range []struct {
		name, body string
		status     int
		header     http.Header
		// passes is the finding in Proxy-Status, or "" if the answer is withheld.
		passes verdict.Finding
		// becomes is what the application gets. If it is empty, that is the body itself.
		becomes string
	}{
		{"signed success", success, 200, http.Header{"Sign": {sign(success)}}, verdict.Verified, ""},
		{"signed failure", failure, 200, http.Header{"Sign": {sign(failure)}}, verdict.Verified, ""},
		{"signed failure with its status", failure, 503, http.Header{"Sign": {sign(failure)}}, verdict.Verified, ""},
		{"harmless codings", success, 200, http.Header{"Sign": {sign(success)}, "Content-Encoding": {"", "Identity, identity"}}, verdict.Verified, ""},
		{"unsigned failure", failure, 200, nil, verdict.Unsigned, `{"code":"AMOUNT_LIMIT","msg":"The amount doesn't match."}`},
		{"empty signature, failure", failure, 200, http.Header{"Sign": {""}}, verdict.Unsigned, `{"code":"AMOUNT_LIMIT","msg":"The amount doesn't match."}`},
		{"unsigned failure, spaced", " {\"data\":{\"code\":\"APPLY_SUCCESS\"},\n\"code\" : \"X\"} \n", 200, nil, verdict.Unsigned, `{"code":"X","msg":""}`},
		{"unsigned failure with its status", failure, 429, nil, verdict.Unsigned, `{"code":"AMOUNT_LIMIT","msg":"The amount doesn't match."}`},
		{"unsigned markup", `{"code":"X","msg":"<script>a&b</script>"}`, 200, nil, verdict.Unsigned, `{"code":"X","msg":"\u003cscript\u003ea\u0026b\u003c/script\u003e"}`},
		{"unsigned control characters", `{"code":"X","msg":"a\u0000\u001b[31m\nb\u202e\u200bc\u2028"}`, 200, nil, verdict.Unsigned, `{"code":"X","msg":"a[31m bc "}`},
		{"unsigned message that is no text", `{"code":"X","msg":{"code":"APPLY_SUCCESS"}}`, 200, nil, verdict.Unsigned, `{"code":"X","msg":""}`},
		{"unsigned long message", `{"code":"X","msg":"` + strings.Repeat("é", 600) + `"}`, 200, nil, verdict.Unsigned, `{"code":"X","msg":"` + strings.Repeat("é", 512) + `"}`},

		{"signed non-JSON", "CANARY", 200, http.Header{"Sign": {sign("CANARY")}}, "", ""},
		{"signed and compressed", "CANARY", 200, http.Header{"Sign": {sign("CANARY")}, "Content-Encoding": {"gzip"}}, "", ""},
		{"signed, called compressed", success, 200, http.Header{"Sign": {sign(success)}, "Content-Encoding": {"identity", "Identity, GZIP"}}, "", ""},
		{"signed success, created", success, 201, http.Header{"Sign": {sign(success)}}, "", ""},
		{"signed success, an error", success, 500, http.Header{"Sign": {sign(success)}}, "", ""},
		{"signed redirect", failure, 307, http.Header{"Sign": {sign(failure)}, "Location": {"https://CANARY.example"}}, "", ""},
		{"signed not modified", failure, 304, http.Header{"Sign": {sign(failure)}}, "", ""},
		{"unsigned redirect", failure, 302, http.Header{"Location": {"https://CANARY.example"}}, "", ""},
		{"signed notification", notification, 200, http.Header{"Sign": {sign(notification)}}, "", ""},
		{"unsigned notification", notification, 200, nil, "", ""},
		{"unsigned success", success, 200, nil, "", ""},
		{"unsigned success, escaped", `{"c\u006fde":"APPLY_\u0053UCCESS"}`, 200, nil, "", ""},
		{"unsigned success in another case", `{"code":" apply_success "}`, 200, nil, "", ""},
		{"unsigned success without its _", `{"code":"APPLYSUCCESS"}`, 200, nil, "", ""},
		{"unsigned success, spelt otherwise", `{"code":"APPLY-SUCCESS"}`, 200, nil, "", ""},
		{"unsigned sentence for a code", `{"code":"Not found"}`, 404, nil, "", ""},
		{"unsigned long code", `{"code":"` + strings.Repeat("X", 65) + `"}`, 200, nil, "", ""},
		{"signature of something else", success, 200, http.Header{"Sign": {sign(failure)}}, "", ""},
		{"one byte added", success + " ", 200, http.Header{"Sign": {sign(success)}}, "", ""},
		{"failure with a wrong signature", failure, 200, http.Header{"Sign": {sign(success)}}, "", ""},
		{"two signatures", success, 200, http.Header{"Sign": {sign(success), sign(success)}}, "", ""},
		{"empty signature, success", success, 200, http.Header{"Sign": {""}}, "", ""},
		{"not base64", success, 200, http.Header{"Sign": {"CANARY"}}, "", ""},
		{"unsigned HTML", "<html>CANARY</html>", 200, nil, "", ""},
		{"unsigned and empty", "", 200, nil, "", ""},
		{"unsigned array", `[{"code":"X"}]`, 200, nil, "", ""},
		{"unsigned without a code", `{"msg":"CANARY"}`, 200, nil, "", ""},
		{"unsigned, code is no string", `{"code":1}`, 200, nil, "", ""},
		{"unsigned, code is empty", `{"code":""}`, 200, nil, "", ""},
		{"unsigned, code in another case", `{"code":"X","Code":"APPLY_SUCCESS"}`, 200, nil, "", ""},
		{"unsigned, code with _", `{"code":"X","co_de":"APPLY_SUCCESS"}`, 200, nil, "", ""},
		{"unsigned, two codes", `{"code":"X","code":"APPLY_SUCCESS"}`, 200, nil, "", ""},
		{"unsigned, two messages", `{"code":"X","msg":"a","Msg":"CANARY"}`, 200, nil, "", ""},
		{"unsigned, second document", `{"code":"X"}{"code":"APPLY_SUCCESS"}`, 200, nil, "", ""},
		{"unsigned, cut short", `{"code":"X","msg":`, 200, nil, "", ""},
		{"unsigned, compressed", `{"code":"X"}`, 200, http.Header{"Content-Encoding": {"br"}}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
				for field, values := range test.header {
					w.Header()[field] = values
				}
				w.Header().Set("Proxy-Status", "forged; error=connection_refused")
				w.Header().Set("Content-Type", "text/CANARY")
				w.Header().Set("X-Gateway", "CANARY")
				w.WriteHeader(test.status)
				_, err := io.WriteString(w, test.body)
				return err
			})
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			for _, values := range w.Result().Header {
				assert.NotContains(t, strings.Join(values, " "), "CANARY")
			}
			if test.passes != "" {
				assert.Equal(t, test.status, w.Code)
				assert.Equal(t, cmp.Or(test.becomes, test.body), w.Body.String())
				assert.ElementsMatch(t, protocol.Signatures(test.header), w.Result().Header["Sign"])
				assert.Equal(t, []string{fmt.Sprintf(`caddy-payermax; received-status=%d; details=%q`, test.status, test.passes)}, w.Result().Header["Proxy-Status"])
				return
			}
			assert.Equal(t, http.StatusBadGateway, w.Code)
			f := refusalOf(t, w)
			assert.Equal(t, "CHECK_SIGN_ERROR", f.Code)
			assert.Contains(t, f.Msg, "the outcome is unknown")
			assert.NotContains(t, w.Body.String(), "CANARY")
			assert.Empty(t, w.Result().Header["Sign"])
		})
	}
}

// In shadow mode, the application verifies the answers itself. It gets them unchanged, and
// Proxy-Status has what the sidecar found. A redirect is still withheld.
func TestShadowPassesAnswers(t *testing.T) {
	h := newHandler(t, verifying(t), func(h *Handler) { h.Shadow = true })
	for status, finding := range map[int]verdict.Finding{http.StatusOK: verdict.Unverified, http.StatusFound: ""} {
		w := serve(t, h, signedPost(t), func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Location", "https://payermax.example")
			w.Header().Set("X-Gateway", "its own")
			w.WriteHeader(status)
			_, err := io.WriteString(w, sessionAnswer)
			return err
		})
		if finding == "" {
			assert.Equal(t, "CHECK_SIGN_ERROR", refusalOf(t, w).Code)
			continue
		}
		assert.Equal(t, status, w.Code)
		assert.Equal(t, sessionAnswer, w.Body.String())
		assert.Equal(t, fmt.Sprintf("caddy-payermax; received-status=200; details=%q", finding), w.Header().Get("Proxy-Status"))
	}
}

// Only a success that is passed on counts as the gateway's last success.
func TestSuccessIsNoted(t *testing.T) {
	sign := func(body string) string {
		signature, err := signer.Sign(t.Context(), gatewayKey(), []byte(body))
		require.NoError(t, err)
		return signature
	}
	const failure = `{"code":"SYSTEM_BUSY","msg":""}`
	for body, signature := range map[string]string{sessionAnswer: sign(sessionAnswer), failure: sign(failure), sessionAnswer + " ": sign(sessionAnswer)} {
		h := newHandler(t, verifying(t))
		before, _ := gateways.LastSuccess()
		serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
			w.Header()["Sign"] = []string{signature}
			_, err := io.WriteString(w, body)
			return err
		})
		after, _ := gateways.LastSuccess()
		assert.Equal(t, body == sessionAnswer, !after.Equal(before), body)
	}
}
