package command

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// answering serves HTTP with one header field.
func answering(t *testing.T, field, value string, start func(*httptest.Server)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(field, value) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a plain request to a port for HTTPS does not complete the handshake
	start(server)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// The doctor finds out what listens on the port of a site, and distinguishes a Caddy from
// other programs.
func TestPorts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		address string
		outcome doctor.Outcome
		says    string
	}{
		"a Caddy":                {answering(t, "Server", "Caddy", (*httptest.Server).Start), doctor.OK, "Caddy already listens on "},
		"a sidecar":              {answering(t, "Proxy-Status", `caddy-payermax; error=http_request_error; details="NOT_FOUND"`, (*httptest.Server).Start), doctor.OK, "Caddy already"},
		"a sandbox":              {answering(t, "Server", "payermax-sandbox", (*httptest.Server).Start), doctor.OK, "Caddy already"},
		"another HTTP server":    {answering(t, "Server", "nginx", (*httptest.Server).Start), doctor.Problem, "another program already listens on "},
		"what speaks no HTTP":    {testnet.Serve(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "-ERR unknown command\r\n") }), doctor.Problem, "another program"},
		"what hangs up":          {testnet.Serve(t, func(net.Conn) {}), doctor.Problem, "another program"},
		"what speaks HTTPS":      {answering(t, "Server", "Caddy", (*httptest.Server).StartTLS), doctor.Warning, "an unknown program"},
		"what says nothing":      {testnet.Serve(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }), doctor.Warning, "an unknown program"},
		"what listens on a name": {strings.Replace(answering(t, "Server", "nginx", (*httptest.Server).Start), "127.0.0.1", "localhost", 1), doctor.Problem, "another program"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, port, err := net.SplitHostPort(test.address)
			require.NoError(t, err)
			results := adapted(t, "http://:"+port+" {\nbind "+host+"\n"+signing+"}").describePorts(t.Context(), "Caddyfile")
			require.Len(t, results, 1)
			assert.Equal(t, test.outcome, results[0].Outcome)
			assert.Contains(t, results[0].Message, test.says)
			assert.Contains(t, results[0].Message, port)
			assert.Equal(t, test.outcome != doctor.OK, strings.Contains(results[0].Next, "ss -ltnp"))
		})
	}
}

// A free port is not reported, and a Unix socket has no port.
func TestPortsThatAreFree(t *testing.T) {
	t.Parallel()
	config := adapted(t, "http://127.0.0.1:1 {\n"+signing+"}\nhttp:// {\nbind unix//run/payermax.sock\n"+signing+"}")
	assert.Equal(t, []string{"127.0.0.1:1"}, config.ownAddresses())
	assert.Empty(t, config.describePorts(t.Context(), "Caddyfile"))
	assert.Equal(t, []string{"127.0.0.1:8080", "[::1]:8081"}, adapted(t, ":8080 {\n"+signing+"}\n:8081 {\nbind ::1\n"+signing+"}").ownAddresses())
}

// Caddy reports that upstreams have different schemes, and the doctor says what to do
// about it.
func TestMixedSchemes(t *testing.T) {
	t.Parallel()
	_, err := Config{Name: "Caddyfile", Adapter: "caddyfile", Text: []byte(":8080 {\n" + signing + proxying("http://127.0.0.1:9000 https://one.example") + "}")}.adapt()
	require.Error(t, err)
	assert.Contains(t, nextAfter(err), "all begin with https://")
}

// Sockets that share a port are counted by address.
func TestListeners(t *testing.T) {
	const (
		head = "  sl  local_address rem_address   st tx_queue\n"
		one  = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
		used = "   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1\n"
		six  = "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000\n"
	)
	for text, want := range map[string]int{
		"": 0, head: 0, head + one: 1, head + one + used: 1, head + one + used + one: 2, head + one + six: 1, head + six + six + one: 2, "1F90\n": 0,
	} {
		table := filepath.Join(t.TempDir(), "tcp")
		require.NoError(t, os.WriteFile(table, []byte(text), 0o600))
		assert.Equal(t, want, listeners([]string{table, filepath.Join(t.TempDir(), "none")}, "127.0.0.1:8080"), text)
		assert.Zero(t, listeners([]string{table}, "127.0.0.1:8081"), text)
	}
}
