package redis

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A server that evicts keys to make room is detected, also in the log, since all keys have a
// time to live. A user who may not ask for the policy is detected as well.
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
	assert.ErrorContains(t, err, "username: the server does not allow this user")
}

// The log warns when the store is first reached, and again when it comes back with different
// settings, as after a failover.
func TestEvictingServerIsLogged(t *testing.T) {
	t.Parallel()
	server := startServer(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	s := startSidecar(t, startApplication(t).address(), "address "+server.address)
	s.awaitStore(true)
	s.AwaitLine(t, "the store's maxmemory-policy is allkeys-lru")
	server.kill()
	s.awaitStore(false)
	server.arguments[len(server.arguments)-1] = "volatile-ttl"
	server.start()
	s.AwaitLine(t, "the store's maxmemory-policy is volatile-ttl")
}

// The log warns once about a server whose settings change while it is running, and again if
// they were in order in between.
func TestSettingsAreReviewed(t *testing.T) {
	process := startServer(t)
	client := process.client()
	core, logged := observer.New(zap.WarnLevel)
	s := &server{client: client, timeout: 10 * time.Second, logger: zap.New(core)}
	ctx, stop := context.WithCancel(t.Context())
	reviews := make(chan time.Time)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, nil, reviews) })
	t.Cleanup(func() { stop(); watching.Wait() })
	review := func() {
		for range 3 { // a review is over when the next one begins
			reviews <- time.Time{}
		}
	}

	review()
	assert.Empty(t, logged.All())
	for times, policy := range []string{"allkeys-lru", "volatile-ttl", "allkeys-lru"} {
		require.NoError(t, client.ConfigSet(t.Context(), "maxmemory-policy", policy).Err())
		review()
		require.Len(t, logged.All(), times+1)
		assert.Contains(t, logged.All()[times].Message, "the store's maxmemory-policy is "+policy)
		require.NoError(t, client.ConfigSet(t.Context(), "maxmemory-policy", keepsAll).Err())
		review()
	}
}
