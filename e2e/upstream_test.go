package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// endpointPath is the only path that may be called.
const endpointPath = "/aggregate-pay/api/gateway/applyDropinSession"

// allowedFields are the only header fields that a call may have. Any other field comes from the
// application or the proxy, and must not reach the gateway.
var allowedFields = []string{"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Host", "Sign", "User-Agent"}

// incomplete is the fault of a request whose body did not arrive completely.
const incomplete = "ends within the body"

// success is the body of a gateway's successful answer.
const success = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"clientKey":"37114858239eur2384237r810482390","sessionKey":"bdsf8982348974hhf82934bf8239424","notSupportedComponent":[]}}`

// upstream is a gateway that reads requests byte by byte, keeps all of them, and answers with
// whatever bytes the test chooses.
type upstream struct {
	listener net.Listener
	host     string // the host that calls must be addressed to
	path     string // the path that calls must have
	lenient  bool   // accepts what a stock reverse proxy does
	wait     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	open     map[net.Conn]bool
	contacts int // connections on which anything arrived
	requests []*request
	greet    func(net.Conn)
	reply    reply
}

// reply answers a request and reports whether the connection stays open.
type reply func(conn net.Conn, r *request) (keep bool)

// request is a received request.
type request struct {
	raw                   []byte
	method, target, proto string
	fields                []field
	body                  []byte
	// fault says why the request is not the plain HTTP/1.1 request that it should be; it is empty
	// if it is.
	fault string
}

// field is one header line.
type field struct{ name, value string }

// values returns the values of a header field; case does not matter.
func (r *request) values(name string) []string {
	var values []string
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// newUpstream starts an upstream that listens until the end of the test, and then checks that every
// request it ever received was a properly signed call.
func newUpstream(t *testing.T) *upstream { return listen(t, nil) }

// listen is like newUpstream, with TLS if there is a config.
func listen(t *testing.T, config *tls.Config) *upstream {
	t.Helper()
	return listenAt(t, anyPort, config)
}

// anyPort is a loopback address with a free port.
const anyPort = "127.0.0.1:0"

// listenAt is like listen, at an address.
func listenAt(t *testing.T, address string, config *tls.Config) *upstream {
	t.Helper()
	u := open(t, address, config)
	t.Cleanup(func() {
		u.end()
		u.requireSigned(t)
	})
	return u
}

// open is like listenAt, but does not check what was received.
func open(t *testing.T, address string, config *tls.Config) *upstream {
	t.Helper()
	if address == anyPort { // so that no other test gets the port when the upstream is closed early
		address = testnet.FreeAddress(t)
	}
	listener, err := testnet.Listen(address)
	require.NoError(t, err)
	u := &upstream{listener: listener, host: listener.Addr().String(), path: endpointPath, open: make(map[net.Conn]bool), reply: ownSession}
	if config != nil {
		u.listener = tls.NewListener(listener, config)
	}
	u.wait.Go(u.accept)
	t.Cleanup(u.end)
	return u
}

// url returns the value for the gateway option.
func (u *upstream) url() string { return "http://" + u.host }

func (u *upstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		if u.closed {
			conn.Close()
		}
		u.open[conn] = true
		u.mu.Unlock()
		u.wait.Go(func() {
			u.serve(conn)
			conn.Close()
			u.mu.Lock()
			delete(u.open, conn)
			u.mu.Unlock()
		})
	}
}

// serve handles one connection from its first byte to its last.
func (u *upstream) serve(conn net.Conn) {
	u.mu.Lock()
	greet := u.greet
	u.mu.Unlock()
	if greet != nil {
		greet(conn)
		return
	}
	in := bufio.NewReader(conn)
	for first := true; ; first = false {
		if _, err := in.Peek(1); err != nil {
			return
		}
		r, err := readRequest(in)
		if errors.Is(err, net.ErrClosed) {
			return // closed by the test, in the middle of a request
		}
		u.mu.Lock()
		if first {
			u.contacts++
		}
		u.requests = append(u.requests, r)
		answer := u.reply
		u.mu.Unlock()
		if err != nil || !answer(conn, r) {
			return
		}
	}
}

// close stops the upstream.
func (u *upstream) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.listener.Close()
	u.closeConnections()
}

// end stops the upstream and waits until everything it received is handled.
func (u *upstream) end() {
	u.close()
	u.wait.Wait()
}

// closeConnections closes all open connections, whatever their state.
func (u *upstream) closeConnections() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.open {
		conn.Close()
	}
}

// answers sets how the next requests are answered.
func (u *upstream) answers(with reply) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reply = with
}

// greets sets what happens to the next connections instead of reading from them; nil restores
// reading.
func (u *upstream) greets(with func(net.Conn)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.greet = with
}

// received returns all requests so far.
func (u *upstream) received() []*request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

// about returns the requests that contain a word, such as a user ID that the test used in only one
// request.
func (u *upstream) about(word string) []*request {
	return slices.DeleteFunc(u.received(), func(r *request) bool { return !bytes.Contains(r.raw, []byte(word)) })
}

// only returns the request, of which there must be exactly one.
func (u *upstream) only(t *testing.T) *request {
	t.Helper()
	require.Len(t, u.received(), 1, "requests at the gateway")
	return u.received()[0]
}

// requireUntouched checks that the gateway has not received a single byte.
func (u *upstream) requireUntouched(t *testing.T) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	require.Zero(t, u.contacts, "the gateway must not see anything of this request")
}

// requireSigned checks the central invariant: everything that reached the gateway is exactly a
// plain call, with one signature that verifies over the bytes of its body.
func (u *upstream) requireSigned(t *testing.T) {
	for _, r := range u.received() {
		if u.lenient && r.fault == incomplete {
			continue // cannot be taken for a call
		}
		assert.NoError(t, u.judge(r), "%q", r.raw)
	}
}

// judge says what is wrong with a request.
func (u *upstream) judge(r *request) error {
	signatures := r.values("sign")
	switch {
	case r.fault != "":
		return errors.New(r.fault)
	case r.method != "POST" || r.target != u.path || r.proto != "HTTP/1.1":
		return fmt.Errorf("request line %s %s %s", r.method, r.target, r.proto)
	case !slices.Equal(r.values("Content-Type"), []string{"application/json"}):
		return fmt.Errorf("Content-Type %q", r.values("Content-Type"))
	case len(signatures) != 1:
		return fmt.Errorf("%d signatures", len(signatures))
	}
	if err := verify(&testkeys.Merchant().PublicKey, r.body, signatures[0]); err != nil || u.lenient {
		return err
	}
	if !slices.Equal(r.values("Host"), []string{u.host}) {
		return fmt.Errorf("Host %q", r.values("Host"))
	}
	for _, f := range r.fields {
		if !slices.Contains(allowedFields, http.CanonicalHeaderKey(f.name)) || len(r.values(f.name)) > 1 {
			return fmt.Errorf("header field %q", f.name)
		}
	}
	return nil
}

// readRequest reads one request. It returns what it has read even if there is an error.
func readRequest(in *bufio.Reader) (*request, error) {
	r := new(request)
	fault := func(format string, args ...any) {
		if r.fault == "" {
			r.fault = fmt.Sprintf(format, args...)
		}
	}
	line := func() (string, error) {
		text, err := in.ReadString('\n')
		r.raw = append(r.raw, text...)
		if err != nil {
			fault("ends within the header")
			return "", err
		}
		text, ok := strings.CutSuffix(text, "\r\n")
		if !ok {
			fault("line without CRLF")
		}
		return text, nil
	}

	text, err := line()
	if err != nil {
		return r, err
	}
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		fault("request line %q", text)
		parts = append(parts, "", "", "")
	}
	r.method, r.target, r.proto = parts[0], parts[1], parts[2]
	for {
		if text, err = line(); err != nil {
			return r, err
		}
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok || strings.ContainsAny(name, " \t") {
			fault("header line %q", text)
		}
		r.fields = append(r.fields, field{name, strings.Trim(value, " \t")})
	}

	if codings := r.values("Transfer-Encoding"); len(codings) > 0 {
		fault("Transfer-Encoding %q", codings)
		return r, errors.New(r.fault)
	}
	lengths := r.values("Content-Length")
	if len(lengths) != 1 {
		fault("Content-Length %q", lengths)
		return r, errors.New(r.fault)
	}
	length, err := strconv.ParseUint(lengths[0], 10, 20)
	if err != nil {
		fault("Content-Length %q", lengths)
		return r, err
	}
	r.body = make([]byte, length)
	n, err := io.ReadFull(in, r.body)
	r.raw = append(r.raw, r.body[:n]...)
	if err != nil {
		fault(incomplete)
	}
	return r, err
}

// message returns an HTTP response as bytes. Content-Length is added unless a field already says
// how long the body is.
func message(status string, body string, fields ...string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %s\r\n", status)
	hasLength := false
	for _, f := range fields {
		lower := strings.ToLower(f)
		hasLength = hasLength || strings.HasPrefix(lower, "content-length:") || strings.HasPrefix(lower, "transfer-encoding:")
		out.WriteString(f + "\r\n")
	}
	if !hasLength {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	}
	out.WriteString("\r\n" + body)
	return out.Bytes()
}

// signed returns a successful response with this body.
func signed(body string) []byte {
	return message("200 OK", body, "Content-Type: application/json;charset=UTF-8", "sign: "+sign(testkeys.Gateway(), []byte(body)))
}

// answerWith answers every request with the same bytes.
func answerWith(raw []byte) reply {
	return func(conn net.Conn, _ *request) bool {
		_, err := conn.Write(raw)
		return err == nil
	}
}

// sessionKey is the session key of success.
const sessionKey = "bdsf8982348974hhf82934bf8239424"

// ownSession answers each request with success and a unique session, as PayerMax does.
func ownSession(conn net.Conn, r *request) bool {
	own := fmt.Sprintf("%.16x", sha256.Sum256(r.body))
	return answerWith(signed(strings.Replace(success, sessionKey, own, 1)))(conn, r)
}

// reset closes a connection with a TCP reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// untilClosed waits until the other side closes the connection.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
