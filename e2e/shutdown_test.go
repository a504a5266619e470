package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// A call that outlives the grace period is given up, and has one line in the log, wherever the log
// goes and whichever config was active when the call began. The application is told, as long as
// that is possible.
func TestGraceEnds(t *testing.T) {
	for name, test := range map[string]struct {
		globals string // in addition to grace_period
		signals []syscall.Signal
		reload  bool // reload while the call is in flight
	}{
		"SIGTERM":                  {signals: []syscall.Signal{syscall.SIGTERM}},
		"SIGTERM, twice":           {signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}},
		"SIGINT":                   {signals: []syscall.Signal{syscall.SIGINT}},
		"a delay before":           {globals: "shutdown_delay 500ms", signals: []syscall.Signal{syscall.SIGTERM}},
		"the log in a file":        {globals: "log {\noutput file LOG\n}", signals: []syscall.Signal{syscall.SIGTERM}},
		"of a config before":       {reload: true, signals: []syscall.Signal{syscall.SIGTERM}},
		"that, the log in a file":  {globals: "log {\noutput file LOG\n}", reload: true, signals: []syscall.Signal{syscall.SIGTERM}},
		"at the end of the answer": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newStagedGateway(t)
			file := filepath.Join(t.TempDir(), "caddy.log")
			globals := "grace_period 1s\n" + strings.Replace(test.globals, "LOG", file, 1)
			s := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in", globals: globals})
			c := gateway.begin(t, s, atGateway, "orderAndPay")
			if test.reload {
				reload(t, s, file)
			}

			if len(test.signals) == 0 {
				// The answer arrives at the moment at which the grace period ends.
				s.Signal(t, syscall.SIGTERM)
				time.AfterFunc(time.Second, func() { close(gateway.release) })
			}
			for _, signal := range test.signals {
				s.Signal(t, signal)
			}
			res, err := c.roundTrip("")
			log := s.awaitEnd(t)
			if strings.Contains(globals, file) {
				log = readLog(t, file)
			}
			assert.Equal(t, 1, log.Count(`"msg":"call"`), "%s", log)
			if err == nil && res.status == http.StatusOK {
				assert.Empty(t, test.signals)
				assert.True(t, log.Has(`"msg":"call"`, `"payermax.outcome":"answered"`))
				return
			}
			assert.True(t, log.Has(`"msg":"call"`, `"payermax.outcome":"unknown"`, `"error":"connection_terminated"`,
				`"payermax.endpoint":"orderAndPay"`, fmt.Sprintf(`"body_sha256":"%x"`, sha256.Sum256(gateway.about(c.number)[0].body))), "%s", log)
			if err == nil {
				requireRefusal(t, res, http.StatusBadGateway, "REQUEST_TIMEOUT")
			} else {
				assert.ErrorIs(t, err, io.EOF)
			}
		})
	}
}

// reload makes the sidecar reload its config, and waits until it has done so.
func reload(t *testing.T, s *sidecar, logFile string) {
	t.Helper()
	s.Signal(t, syscall.SIGUSR1)
	s.Await(t, "to reload", func(soFar testprocess.Printed) bool {
		text, _ := os.ReadFile(logFile) // only some tests have one
		return (soFar + testprocess.Printed(text)).Has(reloaded)
	})
}

// If a call has no connection yet when the grace period ends, it was not sent, and its log line
// says so.
func TestGraceEndsBeforeItIsSent(t *testing.T) {
	t.Parallel()
	frozen, err := net.Listen("tcp", anyPort) // accepts the connection, but never starts TLS
	require.NoError(t, err)
	defer frozen.Close()
	s := startSidecar(t, setup{gateway: "https://" + frozen.Addr().String(), options: "endpoints drop_in", globals: "grace_period 1s"})
	c := s.dial(t)
	raw, _ := payment("orderAndPay", "frozen")
	_, err = io.WriteString(c.conn, raw)
	require.NoError(t, err)
	conn, err := frozen.Accept()
	require.NoError(t, err)
	defer conn.Close()

	log := s.terminate(t)
	assert.Equal(t, 1, log.Count(`"msg":"call"`))
	assert.True(t, log.Has(`"msg":"call"`, `"payermax.outcome":"not_sent"`, `"payermax.endpoint":"orderAndPay"`))
}
