package e2e

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Response codes (RFC 1035, section 4.1.1).
const (
	noError       = 0
	serverFailure = 2
	nameError     = 3
	notServed     = 5 // called "refused" there, which would be confused with the sidecar's own outcome
)

// nameServer gives the same answer to every query for an address.
type nameServer struct {
	conn net.PacketConn
	// answer returns the response to a query, or nil for none.
	answer atomic.Pointer[func(question []byte) []byte]
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", anyPort)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	n := &nameServer{conn: conn}
	go n.serve()
	return n
}

func (n *nameServer) answers(with func(question []byte) []byte) { n.answer.Store(&with) }

func (n *nameServer) serve() {
	for question := make([]byte, 512); ; {
		size, from, err := n.conn.ReadFrom(question)
		if err != nil {
			return
		}
		if answer := (*n.answer.Load())(question[:size]); answer != nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

// withCode answers with a response code and no record.
func withCode(code byte) func(question []byte) []byte {
	return func(question []byte) []byte {
		const header, typeAndClass = 12, 4
		end := header + bytes.IndexByte(question[header:], 0) + 1 + typeAndClass
		answer := bytes.Clone(question[:end])
		answer[2], answer[3] = 0x81, 0x80|code  // a response, recursive
		copy(answer[6:header], make([]byte, 6)) // no records
		return answer
	}
}

// withLoopback answers with this machine's loopback address.
var withLoopback = withAddress(127, 0, 0, 1)

// withAddress answers with an address.
func withAddress(a, b, c, d byte) func(question []byte) []byte {
	return func(question []byte) []byte { return answerWithAddress(question, a, b, c, d) }
}

func answerWithAddress(question []byte, address ...byte) []byte {
	answer := withCode(noError)(question)
	const typeA = 1
	if kind := answer[len(answer)-3]; kind != typeA {
		return answer // there is no record of another type
	}
	answer[7] = 1 // the record: the name asked for, type A, class IN, TTL 0, four bytes
	return append(append(answer, 0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4), address...)
}

// If the gateway's name cannot be resolved, whatever is wrong with the name server, the gateway has
// received nothing, and a later call succeeds.
func TestDNS(t *testing.T) {
	t.Parallel()
	const name = "gateway.example"
	ca, names := newAuthority(t), newNameServer(t)
	gateway := listen(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, name, time.Now().Add(time.Hour))}})
	gateway.host = strings.Replace(gateway.host, "127.0.0.1", name, 1)
	gateway.answers(successAndClose)
	s := startSidecar(t, setup{gateway: "https://" + gateway.host,
		options: ca.trust(t, "dial_timeout 2s", "resolvers "+names.conn.LocalAddr().String())})

	for name, test := range map[string]struct {
		answer func(question []byte) []byte
		status int
		error  string
	}{
		"no such host":       {withCode(nameError), http.StatusBadGateway, "dns_error"},
		"no address":         {withCode(noError), http.StatusBadGateway, "dns_error"},
		"server failure":     {withCode(serverFailure), http.StatusBadGateway, "dns_error"},
		"server refuses":     {withCode(notServed), http.StatusBadGateway, "dns_error"},
		"server is silent":   {func([]byte) []byte { return nil }, http.StatusGatewayTimeout, "dns_timeout"},
		"server is babbling": {func([]byte) []byte { return []byte("220 smtp") }, http.StatusGatewayTimeout, "dns_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			names.answers(test.answer)
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			requireRefusal(t, res, test.status, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error="+test.error+";")
			assert.NotContains(t, string(res.raw), "gateway.example")
			requireHonest(t, s, gateway, res, user)

			names.answers(withLoopback)
			requireSuccess(t, s.post(t, validBody()))
		})
	}
}
