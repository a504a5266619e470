package redis

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server that makes room by forgetting keys is found out, in the log as well, since all
// keys have a time to live; and so is a user who may not ask for it.
func TestEvictingServer(t *testing.T) {
	server := startServer(t, "--maxmemory", "100mb")
	s := open(t, Settings{Addresses: []string{server.address}, Timeout: caddy.Duration(10 * time.Second)})
	for policy, forgets := range map[string]bool{"noeviction": false, "allkeys-lru": true, "allkeys-random": true, "volatile-lfu": true, "volatile-ttl": true} {
		require.NoError(t, server.client().ConfigSet(t.Context(), "maxmemory-policy", policy).Err())
		concerns, err := s.Concerns(t.Context())
		require.NoError(t, err)
		if !forgets {
			assert.Empty(t, concerns, policy)
			continue
		}
		require.Len(t, concerns, 1, policy)
		assert.Contains(t, concerns[0].Message, "maxmemory-policy is "+policy)
		assert.Equal(t, "set maxmemory-policy to noeviction", concerns[0].Next)
	}

	require.NoError(t, server.client().ACLSetUser(t.Context(), "payermax", "on", ">password", "~*", "-@all", "+@connection", "+evalsha", "+eval", "+get", "+set").Err())
	without := open(t, Settings{Addresses: []string{server.address}, Username: "payermax", PasswordFile: writeSecret(t, "password"), Timeout: caddy.Duration(10 * time.Second)})
	require.NoError(t, without.Check(t.Context()))
	_, err := without.Concerns(t.Context())
	assert.ErrorContains(t, err, "username: the server does not let this user")
}

// The log warns when the store is found, and again when it is found with other settings, as
// after a failover.
func TestEvictingServerIsLogged(t *testing.T) {
	t.Parallel()
	server := startServer(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	s := startSidecar(t, startApplication(t).address(), "address "+server.address)
	s.awaitStore(true)
	require.Eventually(t, func() bool { return s.count("the store's maxmemory-policy is allkeys-lru") == 1 }, 30*time.Second, 50*time.Millisecond)
	server.kill()
	s.awaitStore(false)
	server.arguments[len(server.arguments)-1] = "volatile-ttl"
	server.start()
	require.Eventually(t, func() bool { return s.count("the store's maxmemory-policy is volatile-ttl") == 1 }, 30*time.Second, 50*time.Millisecond)
}
