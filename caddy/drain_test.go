package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startWithHealth runs a sidecar as an orchestrator would: with health on a
// listener of its own, and time to be taken out of service.
func startWithHealth(t *testing.T, globals string, want setup) (s *sidecar, health string) {
	t.Helper()
	port, healthPort := freePort(t), freePort(t)
	config := fmt.Sprintf(`{
	admin off
	persist_config off
	debug
	%s
}

http://:%d {
	bind 127.0.0.1
	%s
}

http://:%d {
	bind 127.0.0.1
	payermax_health
	metrics /metrics
}
`, globals, port, payermaxBlock(t, want), healthPort)
	s = start(t, "127.0.0.1:"+strconv.Itoa(port), config, want.env)
	await(t, 10*time.Second, "the probes' listener", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(healthPort))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s, "http://127.0.0.1:" + strconv.Itoa(healthPort)
}

// healthOf asks a probe's question.
func healthOf(t *testing.T, url string) (status int, body shownHealth) {
	t.Helper()
	client := http.Client{Timeout: time.Second}
	res, err := client.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &body), "%s", raw)
	return res.StatusCode, body
}

// shownHealth is what a probe may read of an answer.
type shownHealth struct {
	Status    string
	ClockSkew float64 `json:"clock_skew_seconds"`
}

// Told to end, a sidecar says at once that it is not ready, serves on for the
// configured delay, answers what is under way, and ends with 0.
func TestDrain(t *testing.T) {
	for name, signals := range map[string]int{"SIGTERM": 1, "SIGTERM, twice": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			s, health := startWithHealth(t, "shutdown_delay 5s\ngrace_period 10s", setup{gateway: gateway.url()})
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
			await(t, 5*time.Second, "the call at the gateway", func() bool { return len(gateway.received()) == 1 })

			told := time.Now()
			for range signals {
				require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
			}
			await(t, 4*time.Second, "not to be ready", func() bool {
				status, body = healthOf(t, health+"/readyz")
				return status == http.StatusServiceUnavailable
			})
			t.Logf("not ready %v after the signal", time.Since(told).Round(time.Millisecond))
			assert.Equal(t, "shutting_down", body.Status)
			status, _ = healthOf(t, health+"/livez")
			assert.Equal(t, http.StatusOK, status)

			// Within the delay, new calls are served like before.
			gateway.answers(answerWith(signed(success)))
			requireSuccess(t, s.post(t, validBody()))
			assert.Less(t, time.Since(told), 5*time.Second)

			time.Sleep(time.Until(told.Add(5500 * time.Millisecond)))
			close(release)
			res := <-answered
			require.NotNil(t, res)
			requireSuccess(t, res)
			s.awaitEnd(t)
			assert.Less(t, time.Since(told), 12*time.Second)
		})
	}
}

// A reload under load is nothing that an application notices, be its connections
// new or kept, if the listener is of the network handover. On plain TCP, net/http
// and Linux close connections unserved: idle ones, and those on which no request
// was read yet. Either way each call that was begun is answered, and none reaches
// the gateway twice.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, bind string
		keep       bool
	}{
		{"handover, new connections", "handover/127.0.0.1", false},
		{"handover, kept connections", "handover/127.0.0.1", true},
		{"tcp, new connections", "127.0.0.1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			port := freePort(t)
			config := strings.Replace(caddyfile(port, payermaxBlock(t, setup{gateway: gateway.url()})), "bind 127.0.0.1", "bind "+test.bind, 1)
			s := start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil)

			var answered, closed atomic.Int64
			stop := make(chan struct{})
			var workers sync.WaitGroup
			for range 8 {
				workers.Go(func() { s.callUntil(t, stop, test.keep, &answered, &closed) })
			}
			for i := range 10 {
				require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR1))
				await(t, 10*time.Second, "a reload", func() bool { return s.log.countLines("successfully reloaded config from file") == i+1 })
				time.Sleep(20 * time.Millisecond)
			}
			close(stop)
			workers.Wait()

			t.Logf("%d answered, %d connections closed unserved", answered.Load(), closed.Load())
			assert.Greater(t, answered.Load(), int64(50))
			assert.EqualValues(t, answered.Load(), len(gateway.received()), "each call once")
			if test.bind != "127.0.0.1" {
				assert.Zero(t, closed.Load())
			}
			await(t, 5*time.Second, "a line for each call", func() bool {
				return s.log.countLines(`"msg":"call"`, `"payermax.outcome":"answered"`) == len(gateway.received())
			})
		})
	}
}

// A new config that cannot start leaves the old one as it was.
func TestReloadFails(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	port := freePort(t)
	config := strings.Replace(caddyfile(port, payermaxBlock(t, setup{gateway: gateway.url()})), "bind 127.0.0.1", "bind handover/127.0.0.1", 1)
	s := start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil)
	requireSuccess(t, s.post(t, validBody()))

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	impossible := fmt.Sprintf("%s\nhttp://:%d {\n\tbind handover/127.0.0.1\n\trespond ok\n}\n", config, taken.Addr().(*net.TCPAddr).Port)
	require.NoError(t, os.WriteFile(s.config, []byte(impossible), 0o600))
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR1))
	s.awaitLog(t, "failed to reload config from file", "address already in use")
	for range 3 {
		requireSuccess(t, s.post(t, validBody()))
	}
}

// callUntil makes one call after the other, as a client does: on the connection
// that it has, as long as it was not told that it is closed, and has used it lately.
// It counts the calls that were answered, and the connections that were closed
// without an answer.
func (s *sidecar) callUntil(t *testing.T, stop chan struct{}, keep bool, answered, closed *atomic.Int64) {
	const stale = 100 * time.Millisecond // half of the time that a handover takes
	var c *client
	var used time.Time
	defer func() {
		if c != nil {
			c.conn.Close()
		}
	}()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if c != nil && time.Since(used) > stale { // on a busy machine
			c.conn.Close()
			c = nil
		}
		if c == nil {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				closed.Add(1)
				continue
			}
			c = newClient(conn)
		}
		var fields []string
		if !keep {
			fields = append(fields, "Connection: close")
		}
		res, err := c.roundTrip(post(validBody(), fields...))
		used = time.Now()
		if err != nil {
			closed.Add(1)
		} else {
			answered.Add(1)
			assert.Equal(t, http.StatusOK, res.status, "%s", res.raw)
		}
		if err != nil || !keep || res.close {
			c.conn.Close()
			c = nil
		}
	}
}
