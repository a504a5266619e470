package redis

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// sentinel is a real Sentinel that watches a server under the name payermax.
type sentinel struct{ *process }

func startSentinel(t *testing.T, server string) sentinel {
	t.Helper()
	address := testnet.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	_, watched, err := net.SplitHostPort(server)
	require.NoError(t, err)
	folder := t.TempDir()
	config := filepath.Join(folder, "sentinel.conf") // the Sentinel writes to it
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `bind 127.0.0.1
port %s
dir %s
sentinel monitor payermax 127.0.0.1 %s 1
sentinel down-after-milliseconds payermax 3000
sentinel failover-timeout payermax 10000
`, port, folder, watched), 0o600))
	p := &process{t: t, program: testtool.Find(t, program), address: address, arguments: []string{config, "--sentinel"}}
	p.start()
	t.Cleanup(p.kill)
	return sentinel{p}
}

// awaitReplica waits until the Sentinel knows a replica that is ready to take over.
func (s sentinel) awaitReplica() {
	s.t.Helper()
	client := redis.NewSentinelClient(&redis.Options{Addr: s.address})
	defer client.Close()
	require.Eventually(s.t, func() bool {
		replicas, err := client.Replicas(s.t.Context(), "payermax").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	}, time.Minute, 100*time.Millisecond, "the Sentinel knows no replica")
}

// startWatched starts a server and its replica, watched by a Sentinel. The replica replicates
// as a separate user, so that the server can cut it off.
func startWatched(t *testing.T) (first, second *process, by sentinel) {
	t.Helper()
	first = startServer(t)
	require.NoError(t, first.client().ACLSetUser(t.Context(), "replica", "on", ">password", "+psync", "+replconf", "+ping").Err())
	_, port, err := net.SplitHostPort(first.address)
	require.NoError(t, err)
	second = startServer(t, "--replicaof", "127.0.0.1", port, "--masteruser", "replica", "--masterauth", "password")
	by = startSentinel(t, first.address)
	by.awaitReplica()
	return first, second, by
}

// cutOff stops the server's replication to its replica.
func (p *process) cutOff() {
	p.t.Helper()
	require.NoError(p.t, p.client().ACLSetUser(p.t.Context(), "replica", "off").Err())
	require.NoError(p.t, p.client().ClientKillByFilter(p.t.Context(), "TYPE", "replica").Err())
}

// awaitMaster waits until the server accepts writes.
func (p *process) awaitMaster() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		role, err := p.client().Info(p.t.Context(), "replication").Result()
		return err == nil && strings.Contains(role, "role:master")
	}, time.Minute, 100*time.Millisecond, "the replica does not take over")
}

// awaitCopied waits until the replica has all of the server's data.
func awaitCopied(t *testing.T, first *process) {
	t.Helper()
	copied, err := first.client().Wait(t.Context(), 1, 30*time.Second).Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, copied, "the replica lags behind")
}
