package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const maxBody = 64 << 10

// padded returns a valid body of exactly n bytes.
func padded(n int) string {
	body := validBody()
	return body + strings.Repeat(" ", n-len(body))
}

// A request other than the one call that is signed is refused by the sidecar, with a reason, and
// never reaches the gateway.
func TestRefuses(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	// to returns a valid request with another method and target.
	to := func(method, target string) string {
		return requestWith(method+" "+target+" HTTP/1.1", validBody())
	}
	const prefix = "/aggregate-pay/api/gateway/"
	for name, test := range map[string]struct {
		raw    string
		status int
		code   string
	}{
		"GET":                    {to("GET", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"PUT":                    {to("PUT", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"DELETE":                 {to("DELETE", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"PATCH":                  {to("PATCH", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"OPTIONS":                {to("OPTIONS", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"TRACE":                  {to("TRACE", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"post":                   {to("post", endpointPath), 405, "METHOD_NOT_ALLOWED"},
		"X-HTTP-Method-Override": {requestWith("GET "+endpointPath+" HTTP/1.1", validBody(), "X-HTTP-Method-Override: POST"), 405, "METHOD_NOT_ALLOWED"},

		"root":                {to("POST", "/"), 404, "NOT_FOUND"},
		"another endpoint":    {to("POST", prefix+"orderAndPay"), 403, "ENDPOINT_NOT_ENABLED"},
		"trailing slash":      {to("POST", endpointPath+"/"), 404, "NOT_FOUND"},
		"another case":        {to("POST", strings.ToLower(endpointPath)), 404, "NOT_FOUND"},
		"dot segments":        {to("POST", prefix+"../gateway/applyDropinSession"), 404, "NOT_FOUND"},
		"single dot":          {to("POST", prefix+"./applyDropinSession"), 404, "NOT_FOUND"},
		"encoded dots":        {to("POST", prefix+"%2e%2e/gateway/applyDropinSession"), 404, "NOT_FOUND"},
		"encoded letter":      {to("POST", prefix+"%61pplyDropinSession"), 404, "NOT_FOUND"},
		"encoded slash":       {to("POST", "/aggregate-pay/api/gateway%2fapplyDropinSession"), 404, "NOT_FOUND"},
		"double slash":        {to("POST", "/"+endpointPath), 404, "NOT_FOUND"},
		"double slash inside": {to("POST", "/aggregate-pay/api//gateway/applyDropinSession"), 404, "NOT_FOUND"},
		"backslash":           {to("POST", `/aggregate-pay/api/gateway\applyDropinSession`), 404, "NOT_FOUND"},
		"path parameter":      {to("POST", endpointPath+";v=1"), 404, "NOT_FOUND"},
		"encoded NUL":         {to("POST", endpointPath+"%00"), 404, "NOT_FOUND"},
		"query":               {to("POST", endpointPath+"?sign=x"), 400, "PARAMS_INVALID"},

		"no Content-Type":    {post(validBody(), "Content-Type:"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"form":               {post(validBody(), "Content-Type: application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"text":               {post(validBody(), "Content-Type: text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"UTF-16":             {post(validBody(), "Content-Type: application/json; charset=utf-16"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"broken media type":  {post(validBody(), "Content-Type: application/json; charset"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"gzip":               {post(validBody(), "Content-Encoding: gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"gzip after nothing": {post(validBody(), "Content-Encoding: identity", "Content-Encoding: gzip"), 415, "UNSUPPORTED_MEDIA_TYPE"},

		"one byte too many":          {post(padded(maxBody + 1)), 413, "CONTENT_TOO_LARGE"},
		"one byte too many, chunked": {postChunked(padded(maxBody+1), 4096), 413, "CONTENT_TOO_LARGE"},
		"much too large":             {post(padded(10 * maxBody)), 413, "CONTENT_TOO_LARGE"},
		"much too large, chunked":    {postChunked(padded(10*maxBody), 4096), 413, "CONTENT_TOO_LARGE"},
		"no body":                    {post("", "Content-Length:"), 400, "PARAMS_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			res := s.send(t, test.raw)
			requireRefusal(t, res, test.status, test.code)
			if test.status == 405 {
				assert.Equal(t, "POST", res.header.Get("Allow"))
			}
			gateway.requireUntouched(t)
		})
	}

	res := s.send(t, "HEAD "+endpointPath+" HTTP/1.0\r\nHost: sidecar.example\r\n\r\n")
	assert.Equal(t, 405, res.status, "HEAD")

	// A body of exactly the maximum size is accepted.
	requireSuccess(t, s.post(t, padded(maxBody)))
	requireSuccess(t, s.send(t, postChunked(padded(maxBody), 4096)))
	require.Len(t, gateway.received(), 2)
}

// A client that declares a body that is too large is refused before it sends the body. Otherwise a
// client that asks first would wait in vain, and one that never sends the body would hold a
// connection.
func TestRefusesDeclaredSizeAtOnce(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	for name, fields := range map[string][]string{
		"just over the limit":             {"Content-Length: 65537"},
		"just over the limit, and asking": {"Content-Length: 65537", "Expect: 100-continue"},
		"enormous":                        {"Content-Length: 9000000000"},
		"enormous, and asking":            {"Content-Length: 9000000000", "Expect: 100-continue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			defer c.conn.Close()
			require.NoError(t, c.conn.SetDeadline(time.Now().Add(patience)))
			requireRefusal(t, c.send(t, post("", fields...)), 413, "CONTENT_TOO_LARGE")
			gateway.requireUntouched(t)
		})
	}
}

// JSON that two parsers could read differently is refused, and the error names the place.
func TestRefusesAmbiguousJSON(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	valid, _ := data()
	with := func(members string) string { return `{"data":` + valid[:len(valid)-1] + "," + members + "}}" }
	for name, test := range map[string]struct{ body, field, rule string }{
		"empty":                       {" ", "", "json"},
		"not JSON":                    {"amount=1", "", "json"},
		"an array":                    {"[" + validBody() + "]", "", "type"},
		"null":                        {"null", "", "type"},
		"no data":                     {"{}", "/data", "required"},
		"bare data":                   {valid, "/data", "required"},
		"data null":                   {`{"data":null}`, "/data", "type"},
		"data a string":               {`{"data":"{}"}`, "/data", "type"},
		"data twice":                  {`{"data":` + valid + `,"data":` + valid + `}`, "/data", "duplicate"},
		"data twice, once escaped":    {`{"data":` + valid + `,"d\u0061ta":` + valid + `}`, "/data", "duplicate"},
		"Data beside data":            {`{"data":` + valid + `,"Data":{}}`, "/Data", "lookAlike"},
		"app_id":                      {`{"app_id":"x","data":` + valid + `}`, "/app_id", "lookAlike"},
		"duplicate in data":           {with(`"currency":"USD"`), "/data/currency", "duplicate"},
		"duplicate in data, escaped":  {with(`"curr\u0065ncy":"USD"`), "/data/currency", "duplicate"},
		"duplicate deep down":         {with(`"x":[{"a":1,"a":2}]`), "/data/x/0/a", "duplicate"},
		"duplicate outside data":      {`{"x":1,"x":1,"data":` + valid + `}`, "/x", "duplicate"},
		"byte order mark":             {"\ufeff" + validBody(), "", "utf8"},
		"invalid UTF-8":               {with("\"x\":\"\xff\""), "", "utf8"},
		"overlong UTF-8":              {with("\"x\":\"\xc0\xaf\""), "", "utf8"},
		"UTF-16":                      {"{\x00}\x00", "", "json"},
		"trailing bytes":              {validBody() + "x", "", "json"},
		"trailing object":             {validBody() + "{}", "", "json"},
		"trailing NUL":                {validBody() + "\x00", "", "json"},
		"cut short":                   {validBody()[:30], "", "json"},
		"NaN":                         {with(`"x":NaN`), "", "json"},
		"Infinity":                    {with(`"x":-Infinity`), "", "json"},
		"leading zero":                {with(`"x":01`), "", "json"},
		"leading plus":                {with(`"x":+1`), "", "json"},
		"hexadecimal":                 {with(`"x":0x10`), "", "json"},
		"single quotes":               {with(`'x':1`), "", "json"},
		"comment":                     {with(`/**/"x":1`), "", "json"},
		"trailing comma":              {with(`"x":[1,]`), "", "json"},
		"control character":           {with("\"x\":\"a\nb\""), "", "json"},
		"lone surrogate":              {with(`"x":"\ud800"`), "", "json"},
		"enormous exponent":           {with(`"x":1e999999999`), "/data/x", "number"},
		"tiny exponent":               {with(`"x":1e-999999999`), "/data/x", "number"},
		"exponent beyond any integer": {with(`"x":1e99999999999999999999`), "/data/x", "number"},
		"deep arrays":                 {with(`"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), "", "depth"},
		"very deep arrays":            {with(`"x":` + strings.Repeat("[", 30000)), "", "depth"},
		"deep objects":                {with(`"x":` + strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40)), "", "depth"},
		"another app":                 {`{"appId":"another","data":` + valid + `}`, "/appId", "mismatch"},
		"another merchant":            {`{"merchantNo":"another","data":` + valid + `}`, "/merchantNo", "mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := requireRefusal(t, s.post(t, test.body), http.StatusBadRequest, "PARAMS_INVALID")
			require.Len(t, refused.Errors, 1)
			assert.Equal(t, test.rule, refused.Errors[0].Rule)
			if test.field != "" {
				assert.Equal(t, test.field, refused.Errors[0].Field)
			}
			assert.Equal(t, refused.Msg, refused.Errors[0].Message)
			gateway.requireUntouched(t)
		})
	}
}

// All violations are reported at once, each with its place.
func TestRefusesInvalidData(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	res := s.post(t, `{"appId":"another-app","data":{"totalAmount":100.5,"currency":"IDR","country":"id","tokenForFutureUse":"true-canary","componentList":["CARD",1]}}`)
	refused := requireRefusal(t, res, http.StatusBadRequest, "PARAMS_INVALID")
	found := make(map[string]string)
	for _, e := range refused.Errors {
		found[e.Field] = e.Rule
		assert.NotEmpty(t, e.Message)
	}
	assert.Equal(t, map[string]string{
		"/appId":                  "mismatch",
		"/data/totalAmount":       "decimals",
		"/data/country":           "pattern",
		"/data/userId":            "required",
		"/data/tokenForFutureUse": "type",
		"/data/componentList/1":   "type",
	}, found)
	assert.Contains(t, refused.Msg, "5 more")
	assert.NotContains(t, string(res.raw), "canary", "a value of the request comes back")
	assert.NotContains(t, string(res.raw), "another-app", "a value of the request comes back")
	gateway.requireUntouched(t)
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"refused"`, `"data.totalAmount decimals"`)
}

// If an application disconnects in the middle of its request, nothing was sent.
func TestIncompleteRequests(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})

	body := validBody()
	for name, raw := range map[string]string{
		"within the header":      "POST " + endpointPath + " HTTP/1.1\r\nHost: x\r\nContent-",
		"after the header":       post("", "Content-Length: 100"),
		"within the body":        post(body, "Content-Length: 9999"),
		"after a chunk":          strings.TrimSuffix(postChunked(body, 4096), "0\r\n\r\n"),
		"before the last CRLF":   strings.TrimSuffix(postChunked(body, 4096), "\r\n"),
		"broken chunk size":      strings.Replace(postChunked(body, 4096), "\r\n\r\n", "\r\n\r\nzz", 1),
		"negative chunk size":    strings.Replace(postChunked(body, 4096), "\r\n\r\n", "\r\n\r\n-", 1),
		"chunk longer than said": post("5\r\n"+body+"\r\n0\r\n\r\n", "Content-Length:", "Transfer-Encoding: chunked"),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			defer c.conn.Close()
			_, err := io.WriteString(c.conn, raw)
			require.NoError(t, err)
			require.NoError(t, c.conn.(interface{ CloseWrite() error }).CloseWrite())
			answer, _ := io.ReadAll(c.in)
			assert.False(t, bytes.HasPrefix(answer, []byte("HTTP/1.1 2")), "%s", answer)
			gateway.requireUntouched(t)
		})
	}
	requireSuccess(t, s.post(t, validBody()))
}
