package redis

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// command matches the start of a command as a client sends it.
var command = regexp.MustCompile(`(?m)^\*\d+\r$`)

// startReplying starts a server that gives the same answer to every command, and returns its
// address.
func startReplying(t *testing.T, line string) string {
	t.Helper()
	return testnet.Serve(t, func(connection net.Conn) {
		for read := make([]byte, 4<<10); ; {
			n, err := connection.Read(read)
			if err != nil {
				return
			}
			_, _ = io.WriteString(connection, strings.Repeat(line, len(command.FindAll(read[:n], -1))))
		}
	})
}

// Errors about the server, or about a mismatch between it and the options, name the option
// and what to do, without any secret.
func TestRemedies(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	plain, locked := startServer(t), startServer(t, "--requirepass", "other")
	host, port, err := net.SplitHostPort(plain.address)
	require.NoError(t, err)
	following := startServer(t, "--replicaof", host, port)
	alone := startServer(t, "--replicaof", host, "1", "--replica-serve-stale-data", "no")
	full := startServer(t)
	require.NoError(t, full.client().ConfigSet(t.Context(), "maxmemory", "1").Err())
	readers := startServer(t)
	require.NoError(t, readers.client().ACLSetUser(t.Context(), "reader", "on", ">"+secret, "~*", "+@read", "+@connection").Err())
	node := startServer(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
	sentinel, web := startSentinel(t, plain.address), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	paused := startServer(t)
	paused.pause()

	password := writeSecret(t, secret)
	for name, test := range map[string]struct {
		at       string
		settings Settings
		says     string // the option, and what is wrong
		next     string // what to do
	}{
		"a replica":             {at: following.address, says: "address: the server is a replica", next: "sentinel_master"},
		"a replica, cut off":    {at: alone.address, says: "address: the server is a replica", next: "sentinel_master"},
		"full":                  {at: full.address, says: "address: the server's memory is full", next: "maxmemory"},
		"no password":           {at: locked.address, says: "password_file: the server requires a password", next: "name the file"},
		"another password":      {at: locked.address, settings: Settings{PasswordFile: password}, says: "password_file: the server does not accept this password", next: "correct the file"},
		"an unknown user":       {at: plain.address, settings: Settings{PasswordFile: password, Username: "payermax"}, says: "password_file: the server does not accept this password for username", next: "correct the file"},
		"a user without rights": {at: readers.address, settings: Settings{PasswordFile: password, Username: "reader"}, says: "username: the server does not allow this user", next: "grant the permissions"},
		"protected mode": {at: startReplying(t, "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers\r\n"),
			says: "address: the server is in protected mode", next: "password_file"},
		"too few replicas":          {at: startServer(t, "--min-replicas-to-write", "1").address, says: "address: the server accepts no writes until", next: "start them"},
		"reading its data":          {at: startReplying(t, "-LOADING Redis is loading the dataset in memory\r\n"), says: "address: the server is still loading", next: "wait"},
		"a full disk":               {at: startReplying(t, "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.\r\n"), says: "address: the server cannot save", next: "disk"},
		"a cluster's node":          {at: startReplying(t, "-MOVED 3999 127.0.0.1:6381\r\n"), says: "cluster: the server is a node of a cluster", next: "write cluster"},
		"a node without its slots":  {at: node.address, says: "cluster: the cluster has no node", next: "repair"},
		"no cluster":                {at: plain.address, settings: Settings{Cluster: true}, says: "address: the server is not a node of a cluster", next: "without cluster"},
		"two servers":               {at: plain.address + " " + full.address, says: "address: the server is not a node of a cluster", next: "name one server"},
		"no Sentinel":               {at: plain.address, settings: Settings{SentinelMaster: "payermax"}, says: "address: this is a server", next: "remove sentinel_master"},
		"a Sentinel":                {at: sentinel.address, says: "address: this server runs no scripts", next: "sentinel_master"},
		"another name at Sentinels": {at: sentinel.address, settings: Settings{SentinelMaster: "other"}, says: "sentinel_master: the Sentinels watch no server with that name", next: "use the name"},
		"TLS at a plain server":     {at: plain.address, settings: Settings{TLS: new(TLS)}, says: "timeout: there is no answer", next: "remove tls"},
		"a paused server":           {at: paused.address, says: "timeout: there is no answer", next: "raise timeout"},
		"another protocol":          {at: web.Listener.Addr().String(), says: "address: the server is not Redis", next: "correct"},
		"TLS at another protocol":   {at: web.Listener.Addr().String(), settings: Settings{TLS: new(TLS)}, says: "tls: the server does not speak TLS", next: "remove tls"},
		"no protocol at all":        {at: startReplying(t, "\r\n"), says: "address: the server is not Redis", next: "correct"},
		"no Sentinel's protocol":    {at: startReplying(t, "\r\n"), settings: Settings{SentinelMaster: "payermax"}, says: "address: the server is not a Sentinel", next: "correct"},
		"Sentinels on the web":      {at: web.Listener.Addr().String(), settings: Settings{SentinelMaster: "payermax"}, says: "address: the server is not a Sentinel", next: "correct"},
		"nobody":                    {at: "127.0.0.1:1", says: "address: nothing listens there", next: "start the server"},
	} {
		t.Run(name, func(t *testing.T) {
			test.settings.Addresses, test.settings.Timeout = strings.Fields(test.at), caddy.Duration(2*time.Second)
			s := open(t, test.settings)
			require.EventuallyWithT(t, func(t *assert.CollectT) { // once a replica knows its role
				err := s.Check(context.Background())
				require.Error(t, err)
				assert.True(t, strings.HasPrefix(err.Error(), test.says), "%v", err)
				assert.Contains(t, err.Error(), test.next)
				assert.NotContains(t, err.Error(), secret)
				assert.Less(t, len(err.Error()), 350)
			}, 30*time.Second, 100*time.Millisecond)
		})
	}
}

// If a server closes the connection without an answer, it may expect TLS, or not support it.
func TestRemedyOfClosedConnections(t *testing.T) {
	for _, cause := range []error{io.EOF, errors.New("read tcp 127.0.0.1:1: connection reset by peer"), errors.New("write: broken pipe")} {
		assert.ErrorContains(t, explain(cause, false), "write tls")
		assert.ErrorContains(t, explain(cause, true), "remove tls")
		assert.ErrorIs(t, explain(cause, true), cause)
	}
	assert.NoError(t, explain(nil, true))
	assert.Equal(t, context.Canceled, explain(context.Canceled, true), "what is not known is left as it is")
}

// A web page is recognised as not being a reply of Redis, wherever the client detects that.
func TestRemedyOfWebPages(t *testing.T) {
	for _, cause := range []string{`redis: invalid reply: "<!DOCTYPE html>"`, `redis: can't parse "<!DOCTYPE html>"`} {
		assert.ErrorContains(t, explain(errors.New(cause), false), "address: the server is not Redis")
		assert.ErrorContains(t, explain(errors.New("redis: all sentinels specified in configuration are unreachable: "+cause), false),
			"address: the server is not a Sentinel")
	}
}
