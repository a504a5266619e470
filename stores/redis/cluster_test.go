package redis

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/stores/storetest"
)

// startCluster starts three nodes, each with a third of the slots, and returns them.
func startCluster(t *testing.T) []*process {
	t.Helper()
	bounds := [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}}
	nodes, buses := make([]*process, len(bounds)), make([]string, len(bounds))
	for i, slots := range bounds {
		buses[i] = strconv.Itoa(testnet.FreePort(t))
		nodes[i] = startServer(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-port", buses[i], "--cluster-announce-ip", "127.0.0.1")
		require.NoError(t, nodes[i].client().ClusterAddSlotsRange(t.Context(), slots[0], slots[1]).Err())
		require.NoError(t, nodes[i].client().Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
	}
	host, port, err := net.SplitHostPort(nodes[0].address)
	require.NoError(t, err)
	for _, node := range nodes[1:] {
		require.NoError(t, node.client().Do(t.Context(), "CLUSTER", "MEET", host, port, buses[0]).Err())
	}
	for _, node := range nodes {
		require.Eventually(t, func() bool {
			info, err := node.client().ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		}, time.Minute, 100*time.Millisecond, "the cluster does not form")
	}
	return nodes
}

// A cluster keeps the same promises, whichever of its nodes is asked, and keeps all keys of a
// scope on one node.
func TestCluster(t *testing.T) {
	nodes := startCluster(t)
	addresses := func(nodes ...*process) (addresses []string) {
		for _, node := range nodes {
			addresses = append(addresses, node.address)
		}
		return addresses
	}
	t.Run("claims", func(t *testing.T) {
		storetest.TestClaims(t, func(t *testing.T) storetest.Subject {
			prefix, timeout := t.Name()+":", caddy.Duration(10*time.Second)
			return storetest.Subject{
				Replicas: []stores.Claims{
					open(t, Settings{Addresses: addresses(nodes...), KeyPrefix: prefix, Timeout: timeout}),
					open(t, Settings{Addresses: addresses(nodes[2]), Cluster: true, KeyPrefix: prefix, Timeout: timeout}),
				},
				Pass: time.Sleep,
			}
		})
	})
	t.Run("reservations", func(t *testing.T) {
		settings := Settings{Addresses: addresses(nodes...), KeyPrefix: "reservations:", Timeout: caddy.Duration(10 * time.Second)}
		shared := &replicas{stores: []stores.Reservations{open(t, settings), open(t, settings)}}
		storetest.TestReservations(t, func(*testing.T) stores.Reservations { return shared })
	})
	t.Run("one node forgets", func(t *testing.T) {
		s := open(t, Settings{Addresses: addresses(nodes...), Timeout: caddy.Duration(10 * time.Second)})
		concerns, err := s.Concerns(t.Context())
		require.NoError(t, err)
		assert.Empty(t, concerns)
		for _, node := range nodes[1:] {
			require.NoError(t, node.client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
		}
		concerns, err = s.Concerns(t.Context())
		require.NoError(t, err)
		assert.Len(t, concerns, 1)
	})
	t.Run("one scope is on one node", func(t *testing.T) {
		s := open(t, Settings{Addresses: addresses(nodes...), KeyPrefix: "scopes:", Timeout: caddy.Duration(10 * time.Second)})
		used := 0
		for _, scope := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			for _, thing := range []string{"1", "2", "3"} {
				_, _, err := s.Claim(t.Context(), stores.NewScope(scope).Key(thing), time.Minute)
				require.NoError(t, err)
			}
		}
		for _, node := range nodes {
			tags := make(map[string]int)
			for _, key := range node.keys() {
				if name, isOurs := strings.CutPrefix(key, "scopes:"); isOurs && len(name) > 34 {
					tags[name[:34]]++
				}
			}
			for tag, count := range tags {
				assert.True(t, count == 3 || count == 1, "%s: %d", tag, count) // 1 is the key of a check
			}
			if len(tags) > 0 {
				used++
			}
		}
		assert.Greater(t, used, 1, "scopes are spread over the nodes")
	})
}
