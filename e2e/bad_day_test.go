package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// A gateway that accepts connections and then stays silent costs five seconds, not the whole
// timeout. Nothing was sent, so there is time left for the backup.
func TestFrozenGateway(t *testing.T) {
	t.Parallel()
	frozen := newUpstream(t)
	frozen.greets(untilClosed)
	backup, trust := listenSecurely(t)
	for name, test := range map[string]struct {
		gateway string
		saved   bool
	}{
		"alone":         {"https://" + frozen.host, false},
		"with a backup": {"https://" + frozen.host + " https://" + backup.host, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSidecar(t, setup{gateway: test.gateway, options: "timeout 30s\n" + trust})
			block, user := data()
			stood := testtool.Standstill(t)
			began := time.Now()
			res := s.post(t, `{"data":`+block+`}`)
			assert.Less(t, time.Since(began), 12*time.Second+stood())
			if test.saved {
				requireSuccess(t, res)
				assert.Len(t, backup.about(user), 1)
				return
			}
			requireRefusal(t, res, http.StatusGatewayTimeout, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error=connection_timeout;")
			requireHonest(t, s, frozen, res, user)
		})
	}
}

// Connections that die together and silently cost one call: the other kept connections are not
// tried one by one.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	const kept = 10
	gateway, trust := listenSecurely(t)
	wire := newWire(t, gateway.host)
	gateway.host = wire.addr()
	s := startSidecar(t, setup{gateway: "https://" + wire.addr(), options: "timeout 4s\n" + unhurried + "\n" + trust})

	for range 2 {
		// Make as many concurrent calls as there should be connections.
		var arrived, wait sync.WaitGroup
		arrived.Add(kept)
		gateway.answers(func(conn net.Conn, r *request) bool {
			arrived.Done()
			arrived.Wait()
			return answerWith(signed(success))(conn, r)
		})
		for range kept {
			wait.Go(func() {
				res, err := s.dial(t).roundTrip(post(validBody()))
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, res.status)
				}
			})
		}
		wait.Wait()
		gateway.answers(answerWith(signed(success)))

		wire.die()
		lost := 0
		for range 2 * kept {
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			if res.status == http.StatusOK {
				requireSuccess(t, res)
				continue
			}
			lost++
			requireRefusal(t, res, http.StatusGatewayTimeout, "REQUEST_TIMEOUT")
			requireHonest(t, s, gateway, res, user)
		}
		assert.Equal(t, 1, lost, "calls lost of %d, with %d dead connections", 2*kept, kept)
	}
}

// modernGateway is a gateway based on net/http, which also speaks HTTP/2.
type modernGateway struct {
	*httptest.Server
	calls   atomic.Int32
	version atomic.Int32 // the HTTP version of the last call
	delay   time.Duration
}

func newModernGateway(t *testing.T, ca authority) *modernGateway {
	t.Helper()
	g := new(modernGateway)
	signature := sign(testkeys.Gateway(), []byte(success))
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		g.calls.Add(1)
		g.version.Store(int32(r.ProtoMajor))
		time.Sleep(g.delay)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("sign", signature)
		_, _ = io.WriteString(w, success)
	}))
	g.EnableHTTP2 = true
	g.Config.ErrorLog = log.New(io.Discard, "", 0)
	g.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", time.Now().Add(time.Hour))}}
	g.StartTLS()
	t.Cleanup(g.Close)
	return g
}

func (g *modernGateway) addr() string { return g.Listener.Addr().String() }

// With a gateway that speaks HTTP/2, no call shares a connection with others by default. If HTTP/2
// is enabled, calls succeed again within ten seconds after the connection has died.
func TestDeadConnectionOfModernGateway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options string
		timeout int // the timeout of a call, in seconds
		version int32
		within  time.Duration
		lost    int
	}{
		"by default": {"", 4, 1, 3 * time.Second, 1},
		"HTTP/2":     {"versions 1.1 2", 2, 2, 10 * time.Second, 25},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t)
			gateway := newModernGateway(t, ca)
			wire := newWire(t, gateway.addr())
			s := startSidecar(t, setup{gateway: "https://" + wire.addr(), options: fmt.Sprintf("timeout %ds\n", test.timeout) + ca.trust(t, test.options)})
			requireSuccess(t, s.post(t, validBody()))
			require.Equal(t, test.version, gateway.version.Load())

			stood := testtool.Standstill(t)
			wire.die()
			began, lost := time.Now(), 0
			var late time.Duration // how late a busy sidecar was in giving a call up
			for made := began; s.post(t, validBody()).status != http.StatusOK; made = time.Now() {
				lost++
				late = max(late, time.Since(made)-time.Duration(test.timeout)*time.Second)
				require.Less(t, made.Sub(began), test.within+stood()+late, "a call is lost that was made so late")
			}
			assert.LessOrEqual(t, lost, test.lost, "calls lost")
			t.Logf("%d calls lost, in %v", lost, time.Since(began))
			for range 10 {
				requireSuccess(t, s.post(t, validBody()))
			}
		})
	}
}

// A gateway that shuts down gracefully, with a GOAWAY, receives no call twice. Only calls that
// cross with the GOAWAY are lost.
func TestGoAway(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	first, second := newModernGateway(t, ca), newModernGateway(t, ca)
	first.delay, second.delay = 20*time.Millisecond, 20*time.Millisecond
	wire := newWire(t, first.addr())
	s := startSidecar(t, setup{gateway: "https://" + wire.addr(), options: "timeout 10s\n" + ca.trust(t, "versions 1.1 2")})
	requireSuccess(t, s.post(t, validBody()))

	const workers, each = 8, 50
	var lost atomic.Int32
	wait := s.keepCalling(t, workers, func(made int, res *response, err error) bool {
		if assert.NoError(t, err) && res.status != http.StatusOK {
			assert.Equal(t, http.StatusBadGateway, res.status, "%s", res.raw)
			lost.Add(1)
		}
		return made < each
	})
	await(t, patience, "calls at the first gateway", func() bool { return first.calls.Load() > workers })
	wire.leadsTo(second.addr())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, first.Config.Shutdown(ctx))
	wait.Wait()
	const made = 1 + workers*each
	received := first.calls.Load() + second.calls.Load()
	assert.LessOrEqual(t, received, int32(made), "calls received, of those that were made")
	assert.GreaterOrEqual(t, received, made-lost.Load(), "calls received, of those that were answered")
	assert.LessOrEqual(t, lost.Load(), int32(workers), "calls lost")
	t.Logf("%d of %d calls lost", lost.Load(), made)
	assert.Positive(t, second.calls.Load())
	assert.Equal(t, int32(2), first.version.Load())
}

// Under a steady load, with connections that are never idle, the sidecar follows a gateway that
// moves to another address, and loses no call.
func TestDNSMoves(t *testing.T) {
	t.Parallel()
	const name = "gateway.example"
	ca, names := newAuthority(t), newNameServer(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, name, time.Now().Add(time.Hour))}}
	first := listen(t, config)
	_, port, err := net.SplitHostPort(first.host)
	require.NoError(t, err)
	probe, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skip("this system has no second loopback address: ", err)
	}
	probe.Close()
	second := listenAt(t, "127.0.0.2:"+port, config)
	first.host, second.host = name+":"+port, name+":"+port
	names.answers(withLoopback)
	// Connections are replaced after ten times the keepalive interval.
	s := startSidecar(t, setup{gateway: "https://" + name + ":" + port,
		options: ca.trust(t, "keepalive 200ms", "resolvers "+names.conn.LocalAddr().String())})

	const workers = 4
	var ended atomic.Bool
	var made atomic.Int32
	wait := s.keepCalling(t, workers, func(_ int, res *response, err error) bool {
		if !assert.NoError(t, err) || !assert.Equal(t, http.StatusOK, res.status, "%s", res.raw) {
			return false
		}
		made.Add(1)
		return !ended.Load()
	})
	defer wait.Wait()
	defer ended.Store(true)
	await(t, patience, "calls at the first address", func() bool { return len(first.received()) > 10*workers })
	names.answers(withAddress(127, 0, 0, 2))
	await(t, patience, "calls at the second address", func() bool { return len(second.received()) > 10*workers })
	// If connections were just being replaced, some may still go to the first address.
	await(t, patience, "the first address to be left", func() bool {
		left, count := len(first.received()), len(second.received())
		await(t, patience, "more calls", func() bool { return len(second.received()) > count+20*workers })
		return len(first.received()) == left
	})
	ended.Store(true)
	wait.Wait()
	assert.EqualValues(t, made.Load(), len(first.received())+len(second.received()), "calls made, and calls received")
}

// If a forward proxy refuses a call, the answer names the proxy's status and says that the call was
// not sent.
func TestForwardProxy(t *testing.T) {
	t.Parallel()
	const canary = "canary words of the proxy"
	gateway, trust := listenSecurely(t)
	var answer atomic.Pointer[string]
	proxy := testnet.Serve(t, func(conn net.Conn) {
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		if !strings.HasPrefix(string(request[:n]), "CONNECT "+gateway.host+" ") {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 "+*answer.Load()+"\r\n\r\n")
		if !strings.HasPrefix(*answer.Load(), "200") {
			return
		}
		lead(conn, gateway.host)
	})
	trust = strings.Replace(trust, "transport http {", "transport http {\nnetwork_proxy url http://"+proxy, 1)
	s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: trust})
	for _, test := range []struct{ answer, error, cause string }{
		{"407 " + canary, "proxy_configuration_error", "status 407: it wants a user and password"},
		{"403 " + canary, "http_request_denied", "status 403"},
		{"502 " + canary, "destination_unavailable", "status 502"},
	} {
		answer.Store(&test.answer)
		block, user := data()
		res := s.post(t, `{"data":`+block+`}`)
		requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
		assert.Contains(t, res.header.Get("Proxy-Status"), "error="+test.error+";")
		requireHonest(t, s, gateway, res, user)
		s.AwaitLine(t, `"msg":"call"`, `"cause":"`, test.cause, `"error":"`+test.error+`"`)
	}
	s.NeverPrints(canary)

	passed := "200 OK"
	answer.Store(&passed)
	requireSuccess(t, s.post(t, validBody()))
	gateway.only(t)
}

// lead does what a forward proxy does once it has answered that it is connected.
func lead(conn net.Conn, host string) {
	to, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(conn, to); conn.Close() }()
	_, _ = io.Copy(to, conn)
	to.Close()
}

// If a forward proxy stays silent about one gateway, there is time left for the backup: nothing was
// sent.
func TestForwardProxyThatStaysSilent(t *testing.T) {
	t.Parallel()
	backup, trust := listenSecurely(t, "dial_timeout 2s")
	const silent = "192.0.2.1:443"
	proxy := testnet.Serve(t, func(conn net.Conn) {
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		if strings.HasPrefix(string(request[:n]), "CONNECT "+silent+" ") {
			untilClosed(conn)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		lead(conn, backup.host)
	})
	trust = strings.Replace(trust, "transport http {", "transport http {\nnetwork_proxy url http://"+proxy, 1)
	for name, test := range map[string]struct {
		gateway string
		saved   bool
	}{
		"alone":         {"https://" + silent, false},
		"with a backup": {"https://" + silent + " https://" + backup.host, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSidecar(t, setup{gateway: test.gateway, options: trust})
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			if test.saved {
				requireSuccess(t, res)
				assert.Len(t, backup.about(user), 1)
				return
			}
			requireRefusal(t, res, http.StatusGatewayTimeout, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error=connection_timeout;")
			requireHonest(t, s, backup, res, user)
			s.AwaitLine(t, `"msg":"call"`, `"cause":"`, "the forward proxy accepted the connection, but did not connect it to the gateway within 2s")
		})
	}
}
