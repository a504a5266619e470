package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// limit sets a resource limit of the running process and returns what it was.
func (s *sidecar) limit(t *testing.T, resource int, value uint64) (before uint64) {
	t.Helper()
	var old unix.Rlimit
	require.NoError(t, unix.Prlimit(s.cmd.Process.Pid, resource, nil, &old))
	require.NoError(t, unix.Prlimit(s.cmd.Process.Pid, resource, &unix.Rlimit{Cur: value, Max: old.Max}, nil))
	return old.Cur
}

// openFiles returns how many file descriptors the process has.
func (s *sidecar) openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	require.NoError(t, err)
	return len(files)
}

// A sidecar without a file descriptor to spare serves the connections that it has,
// keeps its key, and says truly that a call was not sent for which it cannot open
// a connection. With descriptors, everything is as before, and what has changed
// meanwhile is noticed.
func TestDescriptorsExhausted(t *testing.T) {
	for name, network := range map[string]string{"tcp": "", "handover": "handover/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := open(t, anyPort, nil)
			t.Cleanup(func() { gateway.close(); gateway.wait.Wait() })
			key := keyFile(t, pkcs8PEM(merchantKey()))
			port := freePort(t)
			s := start(t, "127.0.0.1:"+strconv.Itoa(port), strings.Replace(caddyfile(port, merchantsSite(t, gateway,
				"app_id "+appID, "private_key "+key, "timeout 5s")), "bind 127.0.0.1", "bind "+network+"127.0.0.1", 1), nil)
			app, probe := s.dial(t), s.dial(t)
			requireSuccess(t, app.send(t, post(validBody()))) // which leaves a connection to the gateway
			require.Contains(t, string(probe.send(t, readiness).body), `"ok"`)

			// Connections on which nothing happens use all descriptors up.
			allowed := s.openFiles(t) + 5
			before := s.limit(t, unix.RLIMIT_NOFILE, uint64(allowed))
			var idle []net.Conn
			for range 20 {
				conn, err := net.Dial("tcp", s.addr) // the kernel takes it, if nobody else does
				require.NoError(t, err)
				idle = append(idle, conn)
			}
			await(t, 10*time.Second, "no descriptor to be left", func() bool { return s.openFiles(t) >= allowed })
			requireSuccess(t, app.send(t, post(validBody())))

			// Neither a new key nor a new config can be read.
			rotate(t, key, rotatedKey())
			s.awaitLog(t, "the new keys cannot be used", "too many open files")
			assert.Contains(t, string(probe.send(t, readiness).body), `"degraded"`)
			require.NoError(t, s.cmd.Process.Signal(syscall.SIGUSR1))
			s.awaitLog(t, "failed to reload config from file", "too many open files")
			requireSuccess(t, app.send(t, post(validBody())))
			for _, r := range gateway.received() {
				assert.NoError(t, verify(&merchantKey().PublicKey, r.body, r.values("sign")[0]))
			}

			// Nor can a connection to the gateway be opened, once the last is gone.
			s.limit(t, unix.RLIMIT_NOFILE, 3)
			used := s.openFiles(t)
			gateway.closeConnections()
			await(t, 10*time.Second, "the connection to the gateway to end", func() bool { return s.openFiles(t) < used })
			block, user := data()
			res := app.send(t, post(`{"data":`+block+`}`))
			requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
			requireHonest(t, s, gateway, res, user)
			s.awaitLog(t, `"msg":"call"`, `"payermax.outcome":"not_sent"`, "too many open files")

			// It is over when it is over.
			s.limit(t, unix.RLIMIT_NOFILE, before)
			for _, conn := range idle {
				conn.Close()
			}
			requireSuccess(t, s.post(t, validBody()))
			await(t, 15*time.Second, "the new key", func() bool {
				requireSuccess(t, s.post(t, validBody()))
				all := gateway.received()
				last := all[len(all)-1]
				return verify(&rotatedKey().PublicKey, last.body, last.values("sign")[0]) == nil
			})
			assert.Contains(t, string(s.send(t, readiness).body), `"ok"`)
		})
	}
}

// readiness is a probe's question.
const readiness = "GET /readyz HTTP/1.1\r\nHost: sidecar.example\r\n\r\n"

// rotate puts another key into the place of a file, as a whole.
func rotate(t *testing.T, path string, key any) {
	t.Helper()
	next := filepath.Join(t.TempDir(), "next")
	require.NoError(t, os.WriteFile(next, []byte(pemOf("PRIVATE KEY", pkcs8DER(key))), 0o600))
	require.NoError(t, os.Rename(next, path))
}
