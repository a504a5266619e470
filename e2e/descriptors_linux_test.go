package e2e

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// limit sets a resource limit of the running process and returns the old one.
func (s *sidecar) limit(t *testing.T, resource int, value uint64) (before uint64) {
	t.Helper()
	var old unix.Rlimit
	require.NoError(t, unix.Prlimit(s.Pid(), resource, nil, &old))
	require.NoError(t, unix.Prlimit(s.Pid(), resource, &unix.Rlimit{Cur: value, Max: old.Max}, nil))
	return old.Cur
}

// A sidecar that has run out of file descriptors serves its existing connections, keeps its key,
// and says correctly that a call was not sent if it cannot open a connection for it. Once
// descriptors are available again, everything works as before, and changes made meanwhile are
// noticed.
func TestDescriptorsExhausted(t *testing.T) {
	for name, network := range map[string]string{"tcp": "", "handover": "handover/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := open(t, anyPort, nil)
			key := testkeys.WritePrivate(t, testkeys.Merchant())
			port := testnet.FreePort(t)
			s := start(t, "127.0.0.1:"+strconv.Itoa(port), strings.Replace(caddyfile(port, merchantsSite(t, gateway,
				"app_id "+appID, "private_key "+key, "endpoints drop_in", "timeout 5s")), "bind 127.0.0.1", "bind "+network+"127.0.0.1", 1), nil)
			app, probe := s.dial(t), s.dial(t)
			requireSuccess(t, app.send(t, post(validBody()))) // leaves an open connection to the gateway
			require.Contains(t, string(probe.send(t, ask("/readyz")).body), `"ok"`)

			// Idle connections use up all descriptors.
			const allowed = 40
			before := s.limit(t, unix.RLIMIT_NOFILE, allowed)
			for range allowed {
				conn, err := net.Dial("tcp", s.addr) // the kernel accepts it even if the process does not
				require.NoError(t, err)
				defer conn.Close()
			}
			await(t, patience, "no descriptor to be left to read /proc with", func() bool {
				return !strings.Contains(string(probe.send(t, ask("/metrics")).body), "process_resident_memory_bytes")
			})
			requireSuccess(t, app.send(t, post(validBody())))
			waiting := s.dial(t)
			raw, number := payment("orderAndPay", "waiting")
			_, err := io.WriteString(waiting.conn, raw)
			require.NoError(t, err)

			// Neither a new key nor a new config can be read.
			replaceFile(t, key, testkeys.PrivatePEM(testkeys.Next()))
			s.AwaitLine(t, "the new keys cannot be used", "too many open files")
			assert.Contains(t, string(probe.send(t, ask("/readyz")).body), `"degraded"`)
			s.Signal(t, syscall.SIGUSR1)
			s.AwaitLine(t, notTaken, "too many open files")
			gateway.answers(successAndClose)
			requireSuccess(t, app.send(t, post(validBody())))
			assert.True(t, signedBy(gateway, testkeys.Merchant()))

			// Another connection to the gateway cannot be opened either, even if a descriptor has
			// become free.
			s.limit(t, unix.RLIMIT_NOFILE, 0)
			paid, refused := payment("orderAndPay", "refused")
			res := app.send(t, paid)
			requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
			requireHonest(t, s, gateway, res, refused)
			s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"not_sent"`, "too many open files")
			assert.Empty(t, gateway.about(number))

			// With descriptors, the waiting call is served, and the new key is taken.
			s.limit(t, unix.RLIMIT_NOFILE, before)
			requireSuccess(t, waiting.send(t, ""))
			assert.Len(t, gateway.about(number), 1)
			await(t, patience, "the new key", func() bool {
				requireSuccess(t, s.post(t, validBody()))
				return signedBy(gateway, testkeys.Next())
			})
			assert.Contains(t, string(s.send(t, ask("/readyz")).body), `"ok"`)
		})
	}
}

// ask returns a GET request for a path.
func ask(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: sidecar.example\r\n\r\n"
}
