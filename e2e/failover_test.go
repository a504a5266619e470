package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// closed returns a gateway that nothing listens on any more.
func closed(t *testing.T) *upstream {
	gateway := newUpstream(t)
	gateway.close()
	return gateway
}

// A gateway that cannot be reached is skipped, for the current call and for some time after it.
func TestFailover(t *testing.T) {
	t.Parallel()
	first, backup := closed(t), newUpstream(t)
	s := startSidecar(t, setup{gateway: first.url() + " " + backup.url(), options: "timeout 5s"})
	for range 5 {
		requireSuccess(t, s.post(t, validBody()))
	}
	assert.Len(t, backup.received(), 5)
	for _, r := range backup.received() {
		assert.Equal(t, []string{backup.host}, r.values("Host"))
	}
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"answered"`, `"attempts":2`)
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"answered"`, `"attempts":1`)
}

// As long as the gateway answers, whatever the answer is, the backup is not used.
func TestFailoverIsNotForAnswers(t *testing.T) {
	t.Parallel()
	first, backup := newUpstream(t), newUpstream(t)
	s := startSidecar(t, setup{gateway: first.url() + " " + backup.url()})
	requireSuccess(t, s.post(t, validBody()))
	busy := `{"code":"SYSTEM_ERROR","msg":"System is busy, please try again later."}`
	first.answers(answerWith(message("503 Service Unavailable", busy, typeJSON, signField(busy))))
	assert.Equal(t, http.StatusServiceUnavailable, s.post(t, validBody()).status)
	backup.requireUntouched(t)
}

// If both gateways are down, that is an error like any other, and nothing was sent.
func TestFailoverBothGone(t *testing.T) {
	t.Parallel()
	first, backup := closed(t), closed(t)
	s := startSidecar(t, setup{gateway: first.url() + " " + backup.url(), options: "timeout 5s"})
	for range 3 {
		res := s.post(t, validBody())
		requireRefusal(t, res, res.status, "SYSTEM_ERROR")
		assert.Contains(t, []int{http.StatusBadGateway, http.StatusServiceUnavailable}, res.status)
	}
}

// If both failed recently, both are tried again rather than none: it may have been the network.
func TestFailoverAfterBothFailed(t *testing.T) {
	t.Parallel()
	first, backup := newUpstream(t), newUpstream(t)
	s := startSidecar(t, setup{gateway: first.url() + " " + backup.url(), options: "timeout 5s"})
	for _, gateway := range []*upstream{first, backup} {
		gateway.answers(func(conn net.Conn, _ *request) bool { reset(conn); return false })
	}
	for range 2 {
		requireRefusal(t, s.post(t, validBody()), http.StatusBadGateway, "REQUEST_TIMEOUT")
	}
	require.Len(t, first.received(), 1)
	require.Len(t, backup.received(), 1)

	first.answers(ownSession)
	backup.close()
	for range 3 {
		requireSuccess(t, s.post(t, validBody()))
	}
}

// Once the first attempt has been written, a call goes to the backup only if it may be received
// twice and the operator has enabled that.
func TestFailoverAfterWriting(t *testing.T) {
	const half = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"code\":"
	for _, test := range []struct {
		name, options, endpoint string
		begins                  string // the part of the first answer that arrives
		again                   bool
	}{
		{"as it is", "", "applyDropinSession", "", false},
		{"retry_repeatable", "retry_repeatable", "applyDropinSession", "", true},
		{"retry_repeatable, an order", "retry_repeatable", "orderAndPay", "", false},
		{"retry_repeatable, a query", "retry_repeatable", "orderQuery", "", true},
		{"a header", "", "orderQuery", half, false},
		{"a header, retry_repeatable", "retry_repeatable", "orderQuery", half, true},
		{"a header, retry_repeatable, an order", "retry_repeatable", "orderAndPay", half, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			first, backup := newUpstream(t), newUpstream(t)
			path := strings.Replace(endpointPath, "applyDropinSession", test.endpoint, 1)
			first.path, backup.path = path, path
			s := startSidecar(t, setup{gateway: first.url() + " " + backup.url(), options: "endpoints drop_in\nvalidation off\ntimeout 5s\n" + test.options})
			first.answers(func(conn net.Conn, _ *request) bool {
				time.Sleep(2 * time.Millisecond) // so that requestTime, which has milliseconds, differs
				if test.begins != "" {
					_, _ = io.WriteString(conn, test.begins)
					return false
				}
				reset(conn)
				return false
			})

			block, user := data()
			res := s.send(t, strings.Replace(post(`{"data":`+block+`}`), endpointPath, path, 1))
			require.Len(t, first.about(user), 1)
			if !test.again {
				requireRefusal(t, res, http.StatusBadGateway, "REQUEST_TIMEOUT")
				backup.requireUntouched(t)
				return
			}
			requireSuccess(t, res)
			require.Len(t, backup.about(user), 1)
			once, again := readEnvelope(t, first.about(user)[0]), readEnvelope(t, backup.about(user)[0])
			assert.NotEqual(t, once.RequestTime, again.RequestTime, "it is stamped anew")
		})
	}
}

// A gateway that accepts connections but fails TLS has received nothing either.
func TestFailoverAfterTLSFailure(t *testing.T) {
	t.Parallel()
	first := newUpstream(t)
	first.greets(func(conn net.Conn) { conn.Close() })
	backup, trust := listenSecurely(t)
	s := startSidecar(t, setup{gateway: "https://" + first.host + " https://" + backup.host, options: "timeout 5s\n" + trust})
	requireSuccess(t, s.post(t, validBody()))
	assert.Len(t, backup.received(), 1)
}

// A call stamped before a long wait for a connection gets a new timestamp.
func TestFailoverStampsAnew(t *testing.T) {
	t.Parallel()
	first := newUpstream(t)
	first.greets(func(conn net.Conn) { untilClosed(conn) })
	backup, trust := listenSecurely(t, "tls_timeout 2s")
	s := startSidecar(t, setup{gateway: "https://" + first.host + " https://" + backup.host, options: "timeout 10s\n" + trust})
	began := time.Now().Truncate(time.Millisecond) // requestTime has milliseconds
	requireSuccess(t, s.post(t, validBody()))
	stamped, err := time.Parse(time.RFC3339, readEnvelope(t, backup.only(t)).RequestTime)
	require.NoError(t, err)
	assert.WithinRange(t, stamped, began.Add(2*time.Second), time.Now(), "after the wait, and not before")
}

// listenSecurely returns a gateway with TLS and a transport block that trusts it.
func listenSecurely(t *testing.T, options ...string) (gateway *upstream, trust string) {
	ca := newAuthority(t)
	gateway = listen(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", time.Now().Add(time.Hour))}})
	return gateway, ca.trust(t, options...)
}

// The log has the digest of each body of a call that the gateways may have received, even if each
// of the two keys was tried at both of them.
func TestEveryBodyIsLogged(t *testing.T) {
	t.Parallel()
	const wrongKey = `{"code":"SIGN_VERIFY_FAILED","msg":"The signature is wrong."}`
	refuses := answerWith(signed(wrongKey))
	resets := func(conn net.Conn, _ *request) bool { reset(conn); return false }
	for name, test := range map[string]struct {
		first, backup []reply // each to successive calls
		outcome       string
	}{
		"lost, then refused, then accepted":      {[]reply{resets}, []reply{refuses, ownSession}, "answered"},
		"refused, then lost, then refused":       {[]reply{refuses, resets}, []reply{refuses}, "answered"},
		"refused, then lost at both":             {[]reply{refuses, resets}, []reply{resets}, "answered"},
		"refused, then accepted":                 {[]reply{refuses, ownSession}, nil, "answered"},
		"refused with each of the two keys":      {[]reply{refuses, refuses}, nil, "answered"},
		"lost with the one, refused, lost again": {[]reply{resets, resets}, []reply{refuses, resets}, "answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, backup := open(t, anyPort, nil), open(t, anyPort, nil)
			first.answers(oneByOne(test.first...))
			backup.answers(oneByOne(test.backup...))
			s := startSidecar(t, setup{
				gateway: first.url() + " " + backup.url(),
				options: "timeout 5s\nretry_repeatable\nnext_private_key " + testkeys.WritePrivate(t, testkeys.Next()),
			})
			res := s.post(t, validBody())
			s.requireLogged(t, res, test.outcome)

			received := append(first.received(), backup.received()...)
			require.Len(t, received, len(test.first)+len(test.backup))
			for _, r := range received {
				s.Prints(t, 1, `"msg":"call"`, fmt.Sprintf("%x", sha256.Sum256(r.body)))
			}
			s.AwaitLine(t, `"msg":"call"`, fmt.Sprintf(`"attempts":%d`, len(received)))
		})
	}
}

// oneByOne answers each request with the next reply.
func oneByOne(replies ...reply) reply {
	var turn atomic.Int64
	return func(conn net.Conn, r *request) bool {
		n := int(turn.Add(1))
		return n <= len(replies) && replies[n-1](conn, r)
	}
}
