package redis

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// sentinel is a real Sentinel, which watches a server that it calls payermax.
type sentinel struct{ *process }

func startSentinel(t *testing.T, server string) sentinel {
	t.Helper()
	address := testnet.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	_, watched, err := net.SplitHostPort(server)
	require.NoError(t, err)
	folder := t.TempDir()
	config := filepath.Join(folder, "sentinel.conf") // which it writes to
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `bind 127.0.0.1
port %s
dir %s
sentinel monitor payermax 127.0.0.1 %s 1
sentinel down-after-milliseconds payermax 1000
sentinel failover-timeout payermax 10000
`, port, folder, watched), 0o600))
	p := &process{t: t, program: testtool.Find(t, program), address: address, arguments: []string{config, "--sentinel"}}
	p.start()
	t.Cleanup(p.kill)
	return sentinel{p}
}

// awaitReplica waits until the Sentinel knows of a replica that is ready to take over.
func (s sentinel) awaitReplica() {
	s.t.Helper()
	client := redis.NewSentinelClient(&redis.Options{Addr: s.address})
	defer client.Close()
	require.Eventually(s.t, func() bool {
		replicas, err := client.Replicas(s.t.Context(), "payermax").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	}, time.Minute, 100*time.Millisecond, "the Sentinel knows no replica")
}
