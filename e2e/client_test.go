package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// response is the answer that the application gets.
type response struct {
	status int
	header http.Header
	body   []byte
	raw    []byte
	close  bool // whether the connection is closed after it
}

// refusal is the body of an answer that the sidecar itself wrote.
type refusal struct {
	Code   string
	Msg    string
	Errors []struct{ Field, Rule, Message string }
}

// data returns a valid data block, and a word in it that appears nowhere else. The user is always
// the same: upstreams answer every call with the same session, and a session belongs to one user.
func data() (block, word string) {
	word = fmt.Sprintf(canaryUser+"%d-", lastUser.Add(1))
	return dataOf(canaryUser+"of-all", word), word
}

// dataOf returns a valid data block of a user.
func dataOf(user, word string) string {
	return fmt.Sprintf(`{"totalAmount":10000,"currency":"IDR","country":"ID","userId":%q,"referralCode":%q}`, user, word)
}

var lastUser atomic.Int64

// validBody returns a body as an application posts it.
func validBody() string {
	block, _ := data()
	return `{"data":` + block + `}`
}

// post returns a request as an application sends it. fields are additional header lines. A line
// named Host, Content-Type or Content-Length replaces the default one, and removes it if nothing
// follows the colon.
func post(body string, fields ...string) string {
	return requestWith("POST "+endpointPath+" HTTP/1.1", body, fields...)
}

// requestWith is like post, with another request line.
func requestWith(line, body string, fields ...string) string {
	var out strings.Builder
	out.WriteString(line + "\r\n")
	for _, standard := range []string{
		"Host: sidecar.example", "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)),
	} {
		name, _, _ := strings.Cut(standard, ":")
		replaced := func(f string) bool { return strings.HasPrefix(strings.ToLower(f), strings.ToLower(name)+":") }
		found := false
		for _, f := range fields {
			found = found || replaced(f)
		}
		if !found {
			out.WriteString(standard + "\r\n")
		}
	}
	for _, f := range fields {
		if !strings.HasSuffix(f, ":") {
			out.WriteString(f + "\r\n")
		}
	}
	out.WriteString("\r\n" + body)
	return out.String()
}

// chunked encodes a body in chunks of the given size, with the trailers at its end.
func chunked(body string, size int, trailers ...string) string {
	var out strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	out.WriteString("0\r\n")
	for _, t := range trailers {
		out.WriteString(t + "\r\n")
	}
	return out.String() + "\r\n"
}

// postChunked is like post, with a chunked body.
func postChunked(body string, size int, fields ...string) string {
	return post(chunked(body, size), append(fields, "Content-Length:", "Transfer-Encoding: chunked")...)
}

// post sends a body as applications usually send it.
func (s *sidecar) post(t *testing.T, body string, fields ...string) *response {
	t.Helper()
	return s.send(t, post(body, fields...))
}

// send sends bytes over a new connection and returns the answer.
func (s *sidecar) send(t *testing.T, raw string) *response {
	t.Helper()
	c := s.dial(t)
	defer c.conn.Close()
	return c.send(t, raw)
}

// client is a connection to the sidecar.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	seen *bytes.Buffer
}

func (s *sidecar) dial(t *testing.T) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	return newClient(conn)
}

func newClient(conn net.Conn) *client {
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute)) // for everything that it does
	seen := new(bytes.Buffer)
	return &client{conn, bufio.NewReader(io.TeeReader(conn, seen)), seen}
}

// keepCalling makes calls on a number of connections, one call after another on each. next receives
// the result of a call and the number of calls that its connection has made, and reports whether to
// make another one.
func (s *sidecar) keepCalling(t *testing.T, connections int, next func(made int, res *response, err error) bool) *sync.WaitGroup {
	t.Helper()
	wait := new(sync.WaitGroup)
	for range connections {
		c := s.dial(t)
		wait.Go(func() {
			defer c.conn.Close()
			for made := 1; ; made++ {
				if res, err := c.roundTrip(post(validBody())); !next(made, res, err) {
					return
				}
			}
		})
	}
	return wait
}

// send sends bytes and returns the final answer to them.
func (c *client) send(t *testing.T, raw string) *response {
	t.Helper()
	res, err := c.roundTrip(raw)
	require.NoError(t, err, "reading the sidecar's answer")
	return res
}

// roundTrip is like send, for goroutines other than the test's own.
func (c *client) roundTrip(raw string) (*response, error) {
	// A server may answer and close before it has read everything, so an error here means nothing
	// yet.
	_, _ = io.WriteString(c.conn, raw)
	c.seen.Reset()
	method, _, _ := strings.Cut(raw, " ") // a response to HEAD has no body
	for {
		res, err := http.ReadResponse(c.in, &http.Request{Method: method})
		if err != nil {
			return nil, err
		}
		if res.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		return &response{res.StatusCode, res.Header, body, bytes.Clone(c.seen.Bytes()), res.Close}, err
	}
}

// requireRefusal checks that an answer comes from the sidecar and is marked as such, with the given
// status and code, and returns its body.
func requireRefusal(t *testing.T, res *response, status int, code string) refusal {
	t.Helper()
	require.Equal(t, status, res.status, "%s", res.raw)
	assert.Equal(t, []string{"application/json"}, res.header["Content-Type"])
	assert.Regexp(t, `^caddy-payermax; error=[a-z_]+(; received-status=\d{3})?; details="[A-Z_]+"$`, res.header.Get("Proxy-Status"))
	var body refusal
	require.NoError(t, json.Unmarshal(res.body, &body), "%s", res.body)
	assert.Equal(t, code, body.Code)
	assert.NotEmpty(t, body.Msg)
	return body
}

// requireSuccess checks that the gateway's successful answer came through unchanged: a session,
// with the gateway's signature of exactly these bytes.
func requireSuccess(t *testing.T, res *response) {
	t.Helper()
	require.Equal(t, http.StatusOK, res.status, "%s", res.raw)
	assert.Equal(t, success, withoutOwnSession(res.body))
	assert.Len(t, res.header["Sign"], 1)
	assert.NoError(t, verify(&testkeys.Gateway().PublicKey, res.body, res.header.Get("Sign")))
	assert.NotContains(t, res.header.Get("Proxy-Status"), "error=")
}

// withoutOwnSession replaces the session key of an upstream's answer with that of success.
func withoutOwnSession(body []byte) string {
	return ownSessionKey.ReplaceAllString(string(body), `"sessionKey":"`+sessionKey+`"`)
}

// ownSessionKey matches the part in which an upstream's answers differ.
var ownSessionKey = regexp.MustCompile(`"sessionKey":"[0-9a-f]{32}"`)
