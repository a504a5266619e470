//go:build linux

package netfaults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

const (
	address = "127.0.0.1:8080" // in a namespace of its own, so that it is free
	// timeout is how long a call may take, and grace what a loaded machine adds.
	timeout = 4 * time.Second
	grace   = 4 * time.Second
)

// sidecar is a running Caddy.
type sidecar struct {
	cmd    *exec.Cmd
	log    logged
	client http.Client
}

// startSidecar runs the binary in the namespace, with these lines in the transport.
func startSidecar(t *testing.T, in *namespace, gateway, transport string) *sidecar {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, "Caddyfile")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `{
	admin off
	persist_config off
}
http://:8080 {
	bind 127.0.0.1
	payermax {
		gateway %s
		app_id 3b242b56a8b64274bcc37dac281120e3
		merchant_no 020213827212251
		private_key %s
		gateway_public_key %s
		endpoints orderAndPay
		timeout %v
		transport http {
			%s
		}
	}
}
`, gateway, testkeys.WritePrivate(t, testkeys.Merchant()), testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), timeout, transport), 0o600))

	program := os.Getenv(caddyBinary)
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home}
	if program == "" {
		var err error
		program, err = os.Executable()
		require.NoError(t, err)
		env = append(env, runAsCaddy+"=1", "GORACE=atexit_sleep_ms=0")
	}
	s := &sidecar{cmd: exec.Command(program, "run", "--config", config)}
	s.cmd.Env, s.cmd.Stderr, s.cmd.Stdout = env, &s.log, &s.log
	s.client.Transport = &http.Transport{
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return in.dial(address) },
		MaxIdleConnsPerHost: 50,
	}
	require.NoError(t, in.within(s.cmd.Start))
	t.Cleanup(func() { s.stop(t) })
	require.Eventually(t, func() bool {
		conn, err := in.dial(address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond, "caddy does not serve")
	return s
}

func (s *sidecar) stop(t *testing.T) {
	s.client.CloseIdleConnections()
	assert.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	assert.NoError(t, s.cmd.Wait())
	assert.NotContains(t, s.log.String(), "panic")
	assert.NotContains(t, s.log.String(), "DATA RACE")
	if t.Failed() {
		text := s.log.String()
		t.Logf("the end of caddy's output:\n%s", text[max(0, len(text)-4<<10):])
	}
}

// logged is what a process prints.
type logged struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// outcomes returns the outcomes that the lines of a call name, each of which should be
// the only one.
func (l *logged) outcomes() map[string][]string {
	found := make(map[string][]string)
	for line := range strings.Lines(l.String()) {
		var said struct {
			Msg       string
			RequestID string `json:"request_id"`
			Outcome   string `json:"payermax.outcome"`
		}
		if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "call" {
			found[said.RequestID] = append(found[said.RequestID], said.Outcome)
		}
	}
	return found
}

// call is an order, and what the application was told of it.
type call struct {
	number string // of the order
	id     string // of the call, in the log
	code   string
	status int
	took   time.Duration
	err    error
}

var lastNumber atomic.Int64

// pay makes an order.
func (s *sidecar) pay() call {
	c := call{number: fmt.Sprintf("P%d", lastNumber.Add(1))}
	body := fmt.Sprintf(`{"data":{"outTradeNo":%q,"integrate":"Direct_Payment","subject":"Socks","totalAmount":40000,"currency":"IDR",`+
		`"country":"ID","userId":"U10001","terminalType":"WEB","paymentDetail":{"paymentToken":"332e4cc1af1740aeafe9e7df82aeb5a1",`+
		`"sessionKey":"bdsf8982348974hhf82934bf8239424","buyerInfo":{"clientIp":"59.82.59.92","userAgent":"Chrome"}}}}`, c.number)
	began := time.Now()
	res, err := s.client.Post("http://"+address+"/aggregate-pay/api/gateway/orderAndPay", "application/json", strings.NewReader(body))
	if err != nil {
		c.err = err
		return c
	}
	defer res.Body.Close()
	var said struct{ Code string }
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	c.id, c.code, c.status, c.took, c.err = res.Header.Get("Payermax-Request-Id"), said.Code, res.StatusCode, time.Since(began), err
	return c
}

// payAtOnce makes so many orders at once.
func (s *sidecar) payAtOnce(count int) []call {
	calls := make([]call, count)
	var under sync.WaitGroup
	for i := range calls {
		under.Go(func() { calls[i] = s.pay() })
	}
	under.Wait()
	return calls
}

// requireHonest holds what the application was told of its calls, and what the log says
// of them, to what reached the gateway.
func requireHonest(t *testing.T, s *sidecar, g *gateway, calls []call) (outcomes map[string]int) {
	t.Helper()
	outcomes = make(map[string]int)
	require.Eventually(t, func() bool {
		said := s.log.outcomes()
		for _, c := range calls {
			if c.err == nil && len(said[c.id]) == 0 {
				return false
			}
		}
		return true
	}, 30*time.Second, 50*time.Millisecond, "each call has a line in the log")
	said := s.log.outcomes()
	for _, c := range calls {
		if !assert.NoError(t, c.err, "the application gets an answer") {
			continue
		}
		assert.Less(t, c.took, timeout+grace, "the application gets it in time")
		if !assert.Len(t, said[c.id], 1, "lines of a call in the log") {
			continue
		}
		outcome, received := said[c.id][0], g.count(c.number)
		outcomes[outcome]++
		assert.LessOrEqual(t, received, 1, "an order is made once at most")
		switch outcome {
		case "answered":
			assert.Equal(t, "APPLY_SUCCESS", c.code)
			assert.Equal(t, 1, received, "an order that was answered is made")
		case "not_sent":
			assert.Equal(t, "SYSTEM_ERROR", c.code)
			assert.Zero(t, received, "an order that was not sent is not made")
		case "unknown":
			assert.Equal(t, "REQUEST_TIMEOUT", c.code)
		default:
			assert.Fail(t, "a network makes no call "+outcome)
		}
	}
	return outcomes
}
