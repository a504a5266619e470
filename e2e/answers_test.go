package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// typeJSON is the Content-Type line of the gateway's answers.
const typeJSON = "Content-Type: application/json;charset=UTF-8"

// signField returns the header line with the gateway's signature of a body.
func signField(body string) string { return "sign: " + sign(testkeys.Gateway(), []byte(body)) }

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}

// An answer that verifiably comes from PayerMax is passed on byte for byte. So is an answer whose
// code and message cannot be mistaken for a success.
func TestAnswersPass(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	const refused = `{"code":"PARAMS_INVALID","msg":"no such currency <&> \u00e9"}`
	const anew = `{"code":"PARAMS_INVALID","msg":"no such currency \u003c\u0026\u003e é"}`
	spaced := " {\n \"code\" : \"APPLY_SUCCESS\",\r\n\"msg\":\"支付 \\u00e9 <&>\",\"data\":{\"n\":1.0}} \n"
	for name, test := range map[string]struct {
		raw    []byte
		status int
		body   string
		signed bool
	}{
		"success":               {signed(success), 200, success, true},
		"odd but signed bytes":  {signed(spaced), 200, spaced, true},
		"signed error":          {signed(refused), 200, refused, true},
		"unsigned error":        {message("200 OK", refused, typeJSON), 200, anew, false},
		"unsigned error status": {message("429 Too Many Requests", refused, typeJSON, "Retry-After: 7"), 429, anew, false},
		"unsigned odd status":   {message("418 I'm a teapot", refused, typeJSON), 502, anew, false},
		"signed error status":   {message("500 Internal Server Error", refused, typeJSON, signField(refused)), 500, refused, true},
		"signed odd status":     {message("203 Non-Authoritative", refused, typeJSON, signField(refused)), 502, refused, true},
		"chunked": {message("200 OK", chunked(success, 11), typeJSON, signField(success), "Transfer-Encoding: chunked"),
			200, success, true},
		"chunked, with trailers": {message("200 OK", chunked(success, 11, "X-Trailer: 1"), typeJSON, signField(success),
			"Transfer-Encoding: chunked", "Trailer: X-Trailer"), 200, success, true},
		"until the end": {bytes.Replace(message("200 OK", success, typeJSON, signField(success), "Connection: close"),
			fmt.Appendf(nil, "Content-Length: %d\r\n", len(success)), nil, 1), 200, success, true},
		"interim answers first": {append([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
			signed(success)...), 200, success, true},
		"Connection: sign":   {message("200 OK", success, typeJSON, signField(success), "Connection: sign"), 200, success, true},
		"SIGN in capitals":   {message("200 OK", success, typeJSON, strings.ToUpper("sign")+signField(success)[4:]), 200, success, true},
		"harmless codings":   {message("200 OK", success, typeJSON, signField(success), "Content-Encoding: ", "Content-Encoding: Identity"), 200, success, true},
		"another media type": {message("200 OK", success, "Content-Type: text/html", signField(success)), 200, success, true},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(func(conn net.Conn, _ *request) bool {
				_, _ = conn.Write(test.raw)
				return name != "until the end"
			})
			res := s.post(t, validBody())
			require.Equal(t, test.status, res.status, "%s", res.raw)
			assert.Equal(t, test.body, string(res.body))
			if test.signed {
				assert.Equal(t, []string{sign(testkeys.Gateway(), []byte(test.body))}, res.header["Sign"])
				s.requireLogged(t, res, "answered")
			} else {
				assert.Empty(t, res.header["Sign"])
				s.requireLogged(t, res, "unsigned")
			}
			requireOwnHeader(t, res)
			assert.NotContains(t, res.header.Get("Proxy-Status"), "error=")
			assert.Regexp(t, `^caddy-payermax; received-status=`, res.header.Get("Proxy-Status"))
		})
	}
	s.AwaitLine(t, `"msg":"call"`, `"level":"warn"`, `"payermax.outcome":"unsigned"`, `"answer":"unsigned"`)
}

// requireOwnHeader checks that the answer's header has only the fields that the sidecar writes,
// plus the signature.
func requireOwnHeader(t *testing.T, res *response) {
	t.Helper()
	for field := range res.header {
		assert.Contains(t, []string{
			"Cache-Control", "Content-Length", "Content-Type", "Payermax-Request-Id", "Proxy-Status", "Sign",
			"Date", "Server", // written by the server itself
		}, field)
		assert.Len(t, res.header[field], 1, field)
	}
	assert.Equal(t, "application/json", res.header.Get("Content-Type"))
	assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
	assert.Regexp(t, `^[0-9a-f-]{36}$`, res.header.Get("Payermax-Request-Id"))
}

// The gateway's header is not signed, so nothing of it is passed on except the signature.
func TestAnswerHeader(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})
	const refused = `{"code":"PARAMS_INVALID","msg":"m"}`
	fields := []string{
		"Content-Type: application/json; charset=utf-7", "Set-Cookie: a=1; HttpOnly", "Set-Cookie: b=2", "X-Odd_Name: é", "X-Request-Id: 42",
		"Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=60", "Location: https://elsewhere.example/", "Retry-After: 7",
		"Payermax-Request-Id: canary", "Proxy-Status: caddy-payermax; error=dns_error", "Cache-Control: public", "Refresh: 0; url=https://elsewhere.example/",
		"Server: canary", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Access-Control-Allow-Origin: *", "WWW-Authenticate: Basic", "Content-Language: x",
		"Content-Disposition: attachment", "Alt-Svc: h3=\"elsewhere.example:443\"", "Strict-Transport-Security: max-age=1", "Clear-Site-Data: \"*\"",
		"Payermax-Verified: sha256:canary", "Vary: *", "ETag: \"a\"", "Link: <https://elsewhere.example/>; rel=preload", "Signature: x", "X-Sign: x", "Sign-Type: x",
	}
	for name, test := range map[string]struct {
		raw     []byte
		details string
	}{
		"signed":           {message("200 OK", success, append(fields, signField(success))...), "received-status=200; details=\"answer verified\""},
		"signed refusal":   {message("400 Bad Request", refused, append(fields, signField(refused))...), "received-status=400; details=\"answer verified\""},
		"unsigned":         {message("200 OK", refused, fields...), "received-status=200; details=\"answer not signed\""},
		"unsigned refusal": {message("401 Unauthorized", refused, fields...), "received-status=401; details=\"answer not signed\""},
		"withheld":         {message("200 OK", success, fields...), "error=http_protocol_error; received-status=200; details=\"CHECK_SIGN_ERROR\""},
		"redirect":         {message("307 Temporary Redirect", refused, fields...), "error=http_protocol_error; received-status=307; details=\"CHECK_SIGN_ERROR\""},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(test.raw))
			res := s.post(t, validBody())
			requireOwnHeader(t, res)
			assert.Equal(t, "caddy-payermax; "+test.details, res.header.Get("Proxy-Status"))
			for _, words := range []string{"canary", "elsewhere", "1970"} {
				assert.NotContains(t, string(res.raw), words)
			}
		})
	}
}

// An answer is replaced if it claims a success without PayerMax's signature, or if it cannot be
// read: nobody can say whether the payment was made.
func TestAnswersWithheld(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	const canary = "canary-of-the-gateway"
	body := `{"code":"APPLY_SUCCESS","msg":"` + canary + `","data":{"sessionKey":"` + canary + `"}}`
	refused := `{"code":"PARAMS_INVALID","msg":"` + canary + `"}`
	for name, raw := range map[string][]byte{
		"tampered body":              message("200 OK", strings.Replace(body, "data", "date", 1), typeJSON, signField(body)),
		"one space more":             message("200 OK", body+" ", typeJSON, signField(body)),
		"stranger's signature":       message("200 OK", body, typeJSON, "sign: "+sign(testkeys.Stranger(), []byte(body))),
		"merchant's own signature":   message("200 OK", body, typeJSON, "sign: "+sign(testkeys.Merchant(), []byte(body))),
		"signature of another":       message("200 OK", body, typeJSON, signField(success)),
		"no signature":               message("200 OK", body, typeJSON),
		"empty signature":            message("200 OK", body, typeJSON, "sign: "),
		"signature cut short":        message("200 OK", body, typeJSON, signField(body)[:100]),
		"signature without padding":  message("200 OK", body, typeJSON, strings.TrimRight(signField(body), "=")),
		"signature with more":        message("200 OK", body, typeJSON, signField(body)+"AAAA"),
		"two signatures":             message("200 OK", body, typeJSON, signField(body), "sign: "+sign(testkeys.Stranger(), []byte(body))),
		"one signature twice":        message("200 OK", body, typeJSON, signField(body), signField(body)),
		"wrong signature of error":   message("200 OK", refused, typeJSON, "sign: "+sign(testkeys.Stranger(), []byte(refused))),
		"compressed":                 message("200 OK", gzipped(body), typeJSON, "Content-Encoding: gzip", signField(body)),
		"compressed, unsigned":       message("200 OK", gzipped(refused), typeJSON, "Content-Encoding: gzip"),
		"success status 502":         message("502 Bad Gateway", body, typeJSON),
		"HTML":                       message("502 Bad Gateway", "<html>"+canary+"</html>", "Content-Type: text/html"),
		"HTML with status 200":       message("200 OK", "<html>"+canary+"</html>", "Content-Type: text/html"),
		"redirect":                   message("302 Found", "", "Location: https://elsewhere.example/"),
		"signed redirect":            message("307 Temporary Redirect", refused, typeJSON, signField(refused), "Location: https://elsewhere.example/"),
		"redirect with a refusal":    message("308 Permanent Redirect", refused, typeJSON, "Location: https://elsewhere.example/"),
		"signed, not modified":       []byte("HTTP/1.1 304 Not Modified\r\n" + signField("") + "\r\n\r\n"),
		"signed, several choices":    message("300 Multiple Choices", body, typeJSON, signField(body)),
		"signed success, created":    message("201 Created", body, typeJSON, signField(body)),
		"signed success, accepted":   message("202 Accepted", body, typeJSON, signField(body)),
		"signed success, an error":   message("500 Internal Server Error", body, typeJSON, signField(body)),
		"signed, not JSON":           signed("hello " + canary),
		"signed, no code":            signed(`{"msg":"` + canary + `"}`),
		"signed, two codes":          signed(strings.Replace(body, `{`, `{"co_de":"X",`, 1)),
		"signed, compressed":         message("200 OK", gzipped(body), typeJSON, "Content-Encoding: gzip", signField(gzipped(body))),
		"signed, called compressed":  message("200 OK", body, typeJSON, "Content-Encoding: identity", "Content-Encoding: GZip", signField(body)),
		"signed notification":        signed(strings.Replace(body, `{`, `{"notifyType":"PAYMENT",`, 1)),
		"signed, a notification too": signed(strings.Replace(body, `{`, `{"notify_type":"PAYMENT",`, 1)),
		"utf-7":                      message("200 OK", "{+ACI-code+ACI-:+ACI-APPLY_SUCCESS+ACI-}", "Content-Type: application/json; charset=utf-7"),
		"a success beside, with _":   message("200 OK", `{"code":"PARAMS_INVALID","co_de":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
		"a success beside, with -":   message("200 OK", `{"code":"PARAMS_INVALID","co-de":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
		"a success beside, spaced":   message("200 OK", `{"code":"PARAMS_INVALID","co de":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
		"a success beside, unseen":   message("200 OK", `{"code":"PARAMS_INVALID","co\u200bde":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
		"another msg beside":         message("200 OK", `{"code":"PARAMS_INVALID","msg":"m","MSG":"`+canary+`"}`, typeJSON),
		"unsigned notification":      message("200 OK", `{"code":"PAYMENT_FAILED","notıfyType":"PAYMENT","msg":"`+canary+`"}`, typeJSON),
		"success without its _":      message("200 OK", `{"code":"applysuccess","msg":"`+canary+`"}`, typeJSON),
		"a sentence for a code":      message("404 Not Found", `{"code":"Not found","msg":"`+canary+`"}`, typeJSON),
		"no content":                 []byte("HTTP/1.1 204 No Content\r\n\r\n"),
		"empty body":                 message("200 OK", "", typeJSON),
		"empty object":               message("200 OK", "{}", typeJSON),
		"code twice":                 message("200 OK", `{"code":"APPLY_SUCCESS","code":"PARAMS_INVALID","msg":"`+canary+`"}`, typeJSON),
		"code twice, success last":   message("200 OK", `{"code":"PARAMS_INVALID","code":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
		"code twice, once escaped":   message("200 OK", `{"code":"PARAMS_INVALID","c\u006fde":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
		"escaped success":            message("200 OK", `{"code":"APPLY\u005fSUCCESS","msg":"`+canary+`"}`, typeJSON),
		"code not a string":          message("200 OK", `{"code":1,"msg":"`+canary+`"}`, typeJSON),
		"code below":                 message("200 OK", `{"data":{"code":"PARAMS_INVALID"},"msg":"`+canary+`"}`, typeJSON),
		"an array":                   message("200 OK", `[`+refused+`]`, typeJSON),
		"trailing data":              message("200 OK", refused+body, typeJSON),
		"cut short":                  message("200 OK", refused[:20], typeJSON),
		"byte order mark":            message("200 OK", "\ufeff"+refused, typeJSON),
		"success in another case":    message("200 OK", strings.Replace(body, "code", "Code", 1), typeJSON),
		"an error and, as Code, not": message("200 OK", `{"code":"PARAMS_INVALID","Code":"APPLY_SUCCESS","msg":"`+canary+`"}`, typeJSON),
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(raw))
			res := s.post(t, validBody(), "Accept-Encoding: gzip")
			got := requireRefusal(t, res, http.StatusBadGateway, "CHECK_SIGN_ERROR")
			assert.Contains(t, got.Msg, "outcome is unknown")
			assert.NotContains(t, string(res.raw), canary)
			assert.Empty(t, res.header["Sign"])
			assert.Empty(t, res.header["Location"])
			assert.Empty(t, res.header["Content-Encoding"])
		})
	}
	s.AwaitLine(t, `"msg":"call"`, `"level":"error"`, `"payermax.outcome":"unverified"`)
	s.NeverPrints(canary)

	gateway.answers(answerWith(signed(success)))
	requireSuccess(t, s.post(t, validBody()))
}

// Without the gateway's key, signatures cannot be checked, and the log says so once. Answers whose
// form PayerMax would never use are still withheld.
func TestAnswersUnchecked(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), unchecked: true, options: "endpoints drop_in"})

	const refused = `{"code":"PARAMS_INVALID","msg":"<b>","data":null}`
	session := post(validBody())
	order, number := payment("orderAndPay", "unchecked")
	other := `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P2"}}`
	own := fmt.Sprintf(`{"code":"APPLY_SUCCESS","data":{"outTradeNo":%q}}`, number)
	for name, test := range map[string]struct {
		call   string
		raw    []byte
		status int
		body   string // or a code that the sidecar itself answers with
	}{
		"signed":                      {session, signed(success), 200, success},
		"unsigned":                    {session, message("200 OK", success, typeJSON), 200, success},
		"wrong signature":             {session, message("200 OK", success, typeJSON, "sign: x"), 200, success},
		"a refusal":                   {session, message("200 OK", refused, typeJSON), 200, refused},
		"a refusal with its status":   {session, message("429 Too Many Requests", refused, typeJSON), 429, `{"code":"PARAMS_INVALID","msg":"\u003cb\u003e"}`},
		"HTML":                        {session, message("502 Bad Gateway", "<html>", "Content-Type: text/html"), 502, "CHECK_SIGN_ERROR"},
		"HTML with status 200":        {session, message("200 OK", "<html>", "Content-Type: text/html"), 502, "CHECK_SIGN_ERROR"},
		"empty":                       {session, message("200 OK", ""), 502, "CHECK_SIGN_ERROR"},
		"no content":                  {session, []byte("HTTP/1.1 204 No Content\r\n\r\n"), 502, "CHECK_SIGN_ERROR"},
		"not modified":                {session, []byte("HTTP/1.1 304 Not Modified\r\n\r\n"), 502, "CHECK_SIGN_ERROR"},
		"redirect":                    {session, message("307 Temporary Redirect", success, "Location: https://elsewhere.example/"), 502, "CHECK_SIGN_ERROR"},
		"success, created":            {session, message("201 Created", success, typeJSON), 502, "CHECK_SIGN_ERROR"},
		"two codes":                   {session, message("200 OK", `{"code":"X","Code":"APPLY_SUCCESS"}`, typeJSON), 502, "CHECK_SIGN_ERROR"},
		"notification":                {session, message("200 OK", `{"code":"APPLY_SUCCESS","notifyType":"PAYMENT"}`, typeJSON), 502, "CHECK_SIGN_ERROR"},
		"order":                       {order, message("200 OK", own, typeJSON), 200, own},
		"another order":               {order, message("200 OK", other, typeJSON), 502, "CHECK_SIGN_ERROR"},
		"an intermediary's error":     {order, message("503 Service Unavailable", refused, typeJSON), 502, "REQUEST_TIMEOUT"},
		"an intermediary's gave up":   {order, message("504 Gateway Timeout", `{"code":"GATEWAY_TIMEOUT"}`, typeJSON), 504, "REQUEST_TIMEOUT"},
		"an order refused by a plain": {order, message("200 OK", refused, typeJSON), 200, refused},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(test.raw))
			res := s.send(t, test.call)
			requireOwnHeader(t, res)
			if !strings.HasPrefix(test.body, "{") {
				requireRefusal(t, res, test.status, test.body)
				return
			}
			assert.Equal(t, test.status, res.status)
			assert.Equal(t, test.body, string(res.body))
			assert.Contains(t, res.header.Get("Proxy-Status"), `details="answer not checked"`)
		})
	}
	s.Prints(t, 1, `"level":"warn"`, "gateway_public_key is not configured")
}
