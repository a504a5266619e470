//go:build linux

package netfaults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

const (
	address = "127.0.0.1:8080" // free, because the namespace is a separate one
	// timeout is how long a call may take, and grace is what a busy machine may add.
	timeout = 4 * time.Second
	grace   = 4 * time.Second
)

// sidecar is a running Caddy.
type sidecar struct {
	*testprocess.Process
	client http.Client
	stood  func() time.Duration // the longest time that the machine stood still
}

// startSidecar runs the binary in the namespace, with these lines in its transport block.
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
	cmd := exec.Command(program, "run", "--config", config)
	cmd.Env = env
	s := &sidecar{Process: testprocess.StartWithin(t, cmd, in.within), stood: testtool.Standstill(t)}
	s.client.Transport = &http.Transport{
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return in.dial(address) },
		MaxIdleConnsPerHost: 50,
	}
	t.Cleanup(func() { s.stop(t) })
	s.AwaitReady(t, func() bool {
		conn, err := in.dial(address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

func (s *sidecar) stop(t *testing.T) {
	s.client.CloseIdleConnections()
	log := s.Terminate(t, time.Minute)
	assert.Zero(t, s.ExitCode())
	for id, outcomes := range outcomesIn(log) {
		assert.Len(t, outcomes, 1, "lines of call %s in the log", id)
	}
	assert.NotContains(t, log, "panic")
	assert.NotContains(t, log, "DATA RACE")
}

// outcomesIn returns the outcomes in the log lines of each call. There should be exactly one per
// call.
func outcomesIn(log testprocess.Printed) map[string][]string {
	found := make(map[string][]string)
	for _, line := range log.Lines(`"msg":"call"`) {
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

// call is an order, and what the application was told about it.
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

// payAtOnce makes count orders at the same time.
func (s *sidecar) payAtOnce(count int) []call {
	calls := make([]call, count)
	var under sync.WaitGroup
	for i := range calls {
		under.Go(func() { calls[i] = s.pay() })
	}
	under.Wait()
	return calls
}

// requireHonest compares what the application was told about its calls, and what the log says about
// them, with what reached the gateway.
func requireHonest(t *testing.T, s *sidecar, g *gateway, calls []call) (outcomes map[string]int) {
	t.Helper()
	outcomes = make(map[string]int)
	var said map[string][]string
	s.Await(t, "to have a line for each call", func(soFar testprocess.Printed) bool {
		said = outcomesIn(soFar)
		return !slices.ContainsFunc(calls, func(c call) bool { return c.err == nil && len(said[c.id]) == 0 })
	})
	for _, c := range calls {
		if !assert.NoError(t, c.err, "the application gets an answer") {
			continue
		}
		assert.Less(t, c.took, timeout+grace+s.stood(), "the application gets it in time")
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
