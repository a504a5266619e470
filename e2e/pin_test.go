package e2e

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Options of reverse_proxy and handlers before it do not change a signed call. requireSigned checks
// every request that an upstream ever gets: that it is a POST of the signed body to its endpoint.
func TestOptionsDoNotChangeTheCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, options string }{
		"method":         {options: "method GET"},
		"rewrite":        {options: "rewrite /aggregate-pay/api/gateway/refund?a=b"},
		"both":           {options: "method DELETE\nrewrite /elsewhere"},
		"handlers":       {before: "method PUT\nrewrite /elsewhere?a=b\nrequest_header Content-Type text/plain\nrequest_header -Sign\n"},
		"another body":   {before: "request_body {\nset other\n}\n"},
		"header_up":      {options: "header_up Content-Type text/plain\nheader_up Accept-Encoding gzip\nheader_up User-Agent me\nheader_up Content-Encoding gzip"},
		"header_up Sign": {options: "header_up Sign x\nheader_up +Sign y"},
		"without Sign":   {options: "header_up -Sign"},
		"hop by hop":     {options: "header_up Connection sign\nheader_up Te trailers\nheader_up Upgrade h2c\nheader_up Expect 100-continue\nheader_up Trailer Sign"},
		"another verb":   {options: "header_up X-HTTP-Method-Override DELETE\nheader_up X-Rewrite-URL /refund"},
		"buffers":        {options: "request_buffers 1MiB\nresponse_buffers 1MiB\nflush_interval -1\nstream_timeout 1s"},
		"trusted":        {options: "trusted_proxies private_ranges"},
		"answer":         {options: "header_down Sign x\nheader_down Proxy-Status forged\nheader_down Payermax-Request-Id forged"},
		"status":         {options: "replace_status 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			s := startSidecar(t, setup{globals: withoutFields, site: "route {\n" + signBlock(t) + test.before +
				"reverse_proxy " + gateway.url() + " {\ntransport payermax\n" + test.options + "\n}\n}"})
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			requireSuccess(t, res)
			assert.Contains(t, res.header.Get("Proxy-Status"), "answer verified")
			assert.Len(t, res.header["Payermax-Request-Id"], 1)
			require.Len(t, gateway.about(user), 1)
		})
	}
}

// Handlers and options that process the answer cannot fake a success, and cannot cause the call to
// be sent again.
func TestOptionsDoNotMakeUpAnswers(t *testing.T) {
	t.Parallel()
	failure := `{"code":"PAYMENT_FAILED","msg":"failed"}`
	for name, test := range map[string]struct {
		options, answer string
		status          int
		contains        string
	}{
		"a made-up success": {"handle_response {\nrespond `" + success + "` 200\n}", failure, http.StatusBadGateway, "CHECK_SIGN_ERROR"},
		"sent again by the same way": {"handle_response {\nreverse_proxy {http.reverse_proxy.upstream.hostport} {\ntransport payermax\n}\n}", success,
			http.StatusBadGateway, "REQUEST_TIMEOUT"},
		"sent again for its status": {"lb_retries 3\nlb_retry_match {\nexpression `{rp.status_code} == 200`\n}", success, http.StatusBadGateway, "REQUEST_TIMEOUT"},
		// PayerMax's answers never have the status 418, so the application gets another one.
		"a status of success": {"replace_status 200", failure, http.StatusBadGateway, "PAYMENT_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			gateway.answers(func(conn net.Conn, r *request) bool {
				status := "200 OK"
				if test.answer == failure {
					status = "418 I'm a teapot"
				}
				return answerWith(message(status, test.answer, typeJSON, signField(test.answer)))(conn, r)
			})
			s := startSidecar(t, setup{globals: withoutFields, site: signBlock(t) + "reverse_proxy " + gateway.url() + " {\ntransport payermax\n" + test.options + "\n}"})
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			assert.Equal(t, test.status, res.status, "%s", res.raw)
			assert.Contains(t, string(res.body), test.contains)
			assert.LessOrEqual(t, len(gateway.about(user)), 1, "sent more than once")
		})
	}
}
