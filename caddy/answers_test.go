package main

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
)

// typeJSON is how the gateway labels its answers.
const typeJSON = "Content-Type: application/json;charset=UTF-8"

// signField is the header line with the gateway's signature of a body.
func signField(body string) string { return "sign: " + sign(gatewayKey(), []byte(body)) }

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}

// An answer that PayerMax verifiably made, or that cannot be taken for a
// success, is passed on as it came.
func TestAnswersPass(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	const refused = `{"code":"PARAMS_INVALID","msg":"no such currency <&> \u00e9"}`
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
		"unsigned error":        {message("200 OK", refused, typeJSON), 200, refused, false},
		"unsigned error status": {message("429 Too Many Requests", refused, typeJSON, "Retry-After: 7"), 429, refused, false},
		"signed error status":   {message("500 Internal Server Error", refused, typeJSON, signField(refused)), 500, refused, true},
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
		"signed, not JSON":   {signed("hello"), 200, "hello", true},
		"signed, compressed": {message("200 OK", gzipped(success), typeJSON, "Content-Encoding: gzip", signField(gzipped(success))), 200, gzipped(success), true},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(func(conn net.Conn, _ *request) bool {
				_, _ = conn.Write(test.raw)
				return name != "until the end"
			})
			res := s.post(t, validBody())
			require.Equal(t, test.status, res.status, "%s", res.raw)
			assert.Equal(t, test.body, string(res.body))
			assert.Equal(t, typeJSON, "Content-Type: "+res.header.Get("Content-Type"))
			if test.signed {
				assert.Equal(t, []string{sign(gatewayKey(), []byte(test.body))}, res.header["Sign"])
			} else {
				assert.Empty(t, res.header["Sign"])
			}
			assert.NotContains(t, res.header.Get("Proxy-Status"), "error=")
			assert.Regexp(t, `^caddy-payermax; received-status=`, res.header.Get("Proxy-Status"))
		})
	}
}

// The gateway's header comes through too, and nothing that it says about the
// connection or in the sidecar's name.
func TestAnswerHeader(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})
	gateway.answers(answerWith(message("201 Created", success, typeJSON, signField(success),
		"Set-Cookie: a=1; HttpOnly", "Set-Cookie: b=2", "X-Odd_Name: é", "X-Request-Id: 42",
		"Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=60",
		"Proxy-Status: caddy-payermax; error=dns_error",
	)))

	res := s.post(t, validBody())
	require.Equal(t, http.StatusCreated, res.status)
	assert.Equal(t, []string{"a=1; HttpOnly", "b=2"}, res.header["Set-Cookie"])
	assert.Equal(t, "é", res.header.Get("X-Odd_Name"))
	assert.Equal(t, "42", res.header.Get("X-Request-Id"))
	assert.Empty(t, res.header.Get("X-Hop"))
	assert.Empty(t, res.header.Get("Keep-Alive"))
	assert.Equal(t, []string{`caddy-payermax; received-status=201; details="answer verified"`}, res.header["Proxy-Status"])
}

// An answer that claims a success without PayerMax's signature, or that cannot
// be read, is replaced: nobody can say what became of the payment.
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
		"stranger's signature":       message("200 OK", body, typeJSON, "sign: "+sign(strangerKey(), []byte(body))),
		"merchant's own signature":   message("200 OK", body, typeJSON, "sign: "+sign(merchantKey(), []byte(body))),
		"signature of another":       message("200 OK", body, typeJSON, signField(success)),
		"no signature":               message("200 OK", body, typeJSON),
		"empty signature":            message("200 OK", body, typeJSON, "sign: "),
		"signature cut short":        message("200 OK", body, typeJSON, signField(body)[:100]),
		"signature without padding":  message("200 OK", body, typeJSON, strings.TrimRight(signField(body), "=")),
		"signature with more":        message("200 OK", body, typeJSON, signField(body)+"AAAA"),
		"two signatures":             message("200 OK", body, typeJSON, signField(body), "sign: "+sign(strangerKey(), []byte(body))),
		"one signature twice":        message("200 OK", body, typeJSON, signField(body), signField(body)),
		"wrong signature of error":   message("200 OK", refused, typeJSON, "sign: "+sign(strangerKey(), []byte(refused))),
		"compressed":                 message("200 OK", gzipped(body), typeJSON, "Content-Encoding: gzip", signField(body)),
		"compressed, unsigned":       message("200 OK", gzipped(refused), typeJSON, "Content-Encoding: gzip"),
		"success status 502":         message("502 Bad Gateway", body, typeJSON),
		"HTML":                       message("502 Bad Gateway", "<html>"+canary+"</html>", "Content-Type: text/html"),
		"HTML with status 200":       message("200 OK", "<html>"+canary+"</html>", "Content-Type: text/html"),
		"redirect":                   message("302 Found", "", "Location: https://elsewhere.example/"),
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
	s.awaitLog(t, `"msg":"call"`, `"level":"error"`, `"payermax.outcome":"unverified"`)
	assert.NotContains(t, s.log.String(), canary)

	gateway.answers(answerWith(signed(success)))
	requireSuccess(t, s.post(t, validBody()))
}

// Without the gateway's key nothing can be checked, and that is said once.
func TestAnswersUnchecked(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), unchecked: true})

	for name, test := range map[string]struct {
		raw    []byte
		status int
		body   string
	}{
		"signed":          {signed(success), 200, success},
		"unsigned":        {message("200 OK", success, typeJSON), 200, success},
		"wrong signature": {message("200 OK", success, typeJSON, "sign: x"), 200, success},
		"HTML":            {message("502 Bad Gateway", "<html>", "Content-Type: text/html"), 502, "<html>"},
		"empty":           {message("200 OK", ""), 200, ""},
		"no content":      {[]byte("HTTP/1.1 204 No Content\r\n\r\n"), 204, ""},
		"not modified":    {[]byte("HTTP/1.1 304 Not Modified\r\n\r\n"), 304, ""},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(test.raw))
			res := s.post(t, validBody())
			assert.Equal(t, test.status, res.status)
			assert.Equal(t, test.body, string(res.body))
			assert.Contains(t, res.header.Get("Proxy-Status"), `details="answer not checked"`)
		})
	}
	assert.Equal(t, 1, s.log.countLines(`"level":"warn"`, "gateway_public_key is not configured"))
}
