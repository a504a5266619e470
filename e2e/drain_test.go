package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// startWithHealth runs a sidecar as an orchestrator would: with health on a separate listener, and
// with time to be taken out of service.
func startWithHealth(t *testing.T, globals string, want setup) (s *sidecar, health string) {
	t.Helper()
	port, healthPort := testnet.FreePort(t), testnet.FreePort(t)
	config := fmt.Sprintf(`{
	admin off
	persist_config off
	debug
	%s
}

http://:%d {
	bind %s127.0.0.1
	%s
}

http://:%d {
	bind %[3]s127.0.0.1
	payermax_health
	metrics /metrics
}
`, globals, port, want.network, payermaxBlock(t, want), healthPort)
	s = start(t, "127.0.0.1:"+strconv.Itoa(port), config, want.env)
	s.AwaitServing(t, "127.0.0.1:"+strconv.Itoa(healthPort))
	return s, "http://127.0.0.1:" + strconv.Itoa(healthPort)
}

// healthOf makes a probe's request.
func healthOf(t *testing.T, url string) (status int, body shownHealth) {
	t.Helper()
	client := http.Client{Timeout: patience}
	res, err := client.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &body), "%s", raw)
	return res.StatusCode, body
}

// shownHealth is the part of a health response that a probe may read.
type shownHealth struct {
	Status    string
	ClockSkew float64 `json:"clock_skew_seconds"`
}

// When told to end, a sidecar reports at once that it is not ready, keeps serving for the
// configured delay, answers the calls in flight, and exits with status 0.
func TestDrain(t *testing.T) {
	for name, signals := range map[string]int{"SIGTERM": 1, "SIGTERM, twice": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			s, health := startWithHealth(t, "shutdown_delay 8s\ngrace_period 10s", setup{gateway: gateway.url()})
			status, body := healthOf(t, health+"/readyz")
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "ok", body.Status)

			// The gateway takes longer than the delay.
			release := make(chan struct{})
			gateway.answers(func(conn net.Conn, r *request) bool {
				<-release
				return answerWith(signed(success))(conn, r)
			})
			c, answered := s.dial(t), make(chan *response, 1)
			go func() {
				res, err := c.roundTrip(post(validBody()))
				assert.NoError(t, err)
				answered <- res
			}()
			await(t, patience, "the call at the gateway", func() bool { return len(gateway.received()) == 1 })

			told := time.Now()
			for range signals {
				s.Signal(t, syscall.SIGTERM)
			}
			await(t, 7*time.Second, "not to be ready", func() bool {
				status, body = healthOf(t, health+"/readyz")
				return status == http.StatusServiceUnavailable
			})
			t.Logf("not ready %v after the signal", time.Since(told).Round(time.Millisecond))
			assert.Equal(t, "shutting_down", body.Status)
			status, _ = healthOf(t, health+"/livez")
			assert.Equal(t, http.StatusOK, status)

			// During the delay, new calls are served as before.
			gateway.answers(answerWith(signed(success)))
			requireSuccess(t, s.post(t, validBody()))
			assert.Less(t, time.Since(told), 8*time.Second)

			time.Sleep(time.Until(told.Add(8500 * time.Millisecond)))
			close(release)
			res := <-answered
			require.NotNil(t, res)
			requireSuccess(t, res)
			s.awaitEnd(t)
			assert.Less(t, time.Since(told), 16*time.Second, "the grace period need not end")
		})
	}
}

// From SIGTERM on, each response tells the application that its connection closes, whichever
// handler writes it, so that no connection is in use when shutdown_delay is over.
func TestDrainIsAnnounced(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	port := testnet.FreePort(t)
	notify := "payermax_notify /notify {\ngateway_public_key " + testkeys.WritePublic(t, &testkeys.Gateway().PublicKey) + "\n}\n"
	config := strings.Replace(caddyfile(port, notify+"payermax_health /readyz\n"+payermaxBlock(t, setup{gateway: gateway.url()})), "debug", "debug\nshutdown_delay 8s", 1)
	s := start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil)

	requests := map[string]string{
		"a call":             post(validBody()),
		"a refused call":     post("{}"),
		"a probe":            ask("/readyz"),
		"a notification":     requestWith("POST /notify HTTP/1.1", "{}"),
		"a call of HTTP/1.0": strings.Replace(post(validBody(), "Connection: keep-alive"), "HTTP/1.1", "HTTP/1.0", 1),
	}
	clients := make(map[string]*client)
	for name, request := range requests {
		clients[name] = s.dial(t)
		assert.False(t, clients[name].send(t, request).close, name)
	}
	s.Signal(t, syscall.SIGTERM)
	s.AwaitLine(t, "shutdown scheduled")
	for name, request := range requests {
		assert.True(t, clients[name].send(t, request).close, name)
		clients[name].conn.Close()
	}
	s.awaitEnd(t)
}

// As long as a sidecar keeps serving after SIGTERM, no call fails: a client that is told that its
// connection closes is served on the next one.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]listening{
		"plain TCP": {plainTCP: true},
		"handover":  {},
		"HTTP/2":    {plainTCP: true, tls: true, http2: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway, ca := newUpstream(t), newAuthority(t)
			how.globals = "shutdown_delay 8s"
			s := startListening(t, how, ca, payermaxBlock(t, setup{gateway: gateway.url()}))
			traffic := startTraffic(t, s.addr, how, ca)
			traffic.awaitAnswers(t, 20)
			s.Signal(t, syscall.SIGTERM)
			s.AwaitLine(t, "shutdown scheduled")
			traffic.awaitAnswers(t, 20)
			traffic.stop()
			assert.Zero(t, traffic.closed.Load(), "connections closed unserved")
			assert.EqualValues(t, traffic.answered.Load(), len(gateway.received()), "each call once")
			s.awaitEnd(t)
		})
	}
}
