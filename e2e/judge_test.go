package e2e

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// A judge that accepted everything would make all of these tests worthless, so it is tested as
// well: it accepts one call, and none of its variations.
func TestUpstreamJudges(t *testing.T) {
	t.Parallel()
	u := open(t, anyPort, nil)

	const body = `{"data":{}}`
	good := sign(testkeys.Merchant(), []byte(body))
	call := func(fields ...string) string { return post(body, append([]string{"Host: " + u.host}, fields...)...) }
	for name, test := range map[string]struct {
		raw  string
		says string // the fault, or empty if the request is good
	}{
		"good":              {call("sign: " + good), ""},
		"unsigned":          {call(), "0 signatures"},
		"two signatures":    {call("sign: "+good, "Sign: "+good), "2 signatures"},
		"signature of more": {strings.Replace(call("sign: "+good), "{}}", "[]}", 1), "verification error"},
		"stranger":          {call("sign: " + sign(testkeys.Stranger(), []byte(body))), "verification error"},
		"no padding":        {call("sign: " + strings.TrimRight(good, "=")), "illegal base64"},
		"cookie":            {call("sign: "+good, "Cookie: a=b"), "Cookie"},
		"Via":               {call("sign: "+good, "Via: 1.1 Caddy"), "Via"},
		"two Accepts":       {call("sign: "+good, "Accept: a", "Accept: b"), "Accept"},
		"another host":      {post(body, "sign: "+good), "Host"},
		"another type":      {call("sign: "+good, "Content-Type: text/plain"), "Content-Type"},
		"another path":      {strings.Replace(call("sign: "+good), endpointPath, "/", 1), "request line"},
		"query":             {strings.Replace(call("sign: "+good), endpointPath, endpointPath+"?a", 1), "request line"},
		"PUT":               {strings.Replace(call("sign: "+good), "POST", "PUT", 1), "request line"},
		"two lengths":       {call("sign: "+good, "Content-Length: 11", "Content-Length: 11"), "Content-Length"},
		"folded":            {call("sign: "+good, "Accept: a\r\n b"), "header line"},
		"bare LF":           {strings.ReplaceAll(call("sign: "+good), "\r\n", "\n"), "CRLF"},
		"chunked": {post(chunked(body, 9), "Host: "+u.host, "sign: "+good, "Content-Length:", "Transfer-Encoding: chunked"),
			"Transfer-Encoding"},
		"cut short": {call("sign: " + good)[:200], "ends within the header"},
		"no body":   {strings.TrimSuffix(call("sign: "+good), body), incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(u.received())
			conn, err := net.Dial("tcp", u.host)
			require.NoError(t, err)
			_, err = conn.Write([]byte(test.raw))
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			await(t, patience, "the request", func() bool { return len(u.received()) == before+1 })
			conn.Close()
			err = u.judge(u.received()[before])
			if test.says == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, test.says)
		})
	}
}
