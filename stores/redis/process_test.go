package redis

import (
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// program is the store server that the tests start: redis-server, or the name or path in the
// variable PAYERMAX_TEST_STORE, such as valkey-server.
var program = cmp.Or(os.Getenv("PAYERMAX_TEST_STORE"), "redis-server")

// lifetime is longer than any test.
const lifetime = time.Hour

// process is a real server on loopback that writes nothing to disk.
type process struct {
	t         testing.TB
	program   string
	address   string
	arguments []string
	running   *testprocess.Process // nil after it was killed
}

// startServer starts a server with options, and stops it at the end of the test. In the
// options, PORT stands for the server's port.
func startServer(t testing.TB, options ...string) *process {
	t.Helper()
	path := testtool.Find(t, program)
	address := testnet.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for i, option := range options {
		options[i] = strings.ReplaceAll(option, "PORT", port)
	}
	p := &process{t: t, program: path, address: address, arguments: append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no",
	}, options...)}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// start starts the server, empty, and waits until it accepts connections.
func (p *process) start() {
	p.t.Helper()
	p.running = testprocess.Start(p.t, exec.Command(p.program, p.arguments...))
	p.running.AwaitServing(p.t, p.address)
}

// kill kills the server at once, even if it is paused.
func (p *process) kill() {
	if p.running != nil {
		p.running.Kill()
		p.running = nil
	}
}

// pause suspends the server. Its connections stay open.
func (p *process) pause() { p.running.Signal(p.t, syscall.SIGSTOP) }

// resume resumes a paused server.
func (p *process) resume() { p.running.Signal(p.t, syscall.SIGCONT) }

// client returns a client of the server, to inspect its data.
func (p *process) client() *redis.Client { return p.clientWith("") }

// clientWith returns a client that uses a password.
func (p *process) clientWith(password string) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: p.address, Password: password})
	p.t.Cleanup(func() { client.Close() })
	return client
}

// keys returns the names of all keys.
func (p *process) keys() []string {
	p.t.Helper()
	keys, err := p.client().Keys(context.Background(), "*").Result()
	require.NoError(p.t, err)
	return keys
}

// writeSecret writes a file that only this user can read, and returns its path.
func writeSecret(t testing.TB, content string) string {
	t.Helper()
	path := strings.TrimSuffix(t.TempDir(), "/") + "/secret"
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// writeOver replaces the content of a secret's file.
func writeOver(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }
