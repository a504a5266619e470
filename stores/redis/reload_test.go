package redis

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// A reload forgets nothing that is in the store, guards notifications that are delivered
// meanwhile, and leaves no connection and no store behind.
func TestReload(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	server, shop, address := startServer(t), startApplication(t), testnet.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	configured := func(extra string) []byte {
		adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin off
	persist_config off
	payermax_store redis {
		address %s
		timeout 10s
	}
	log {
		level ERROR
	}
}
:%s {
	bind handover/127.0.0.1
	payermax_notify /callback* {
		gateway_public_key %s
		app_id app
		duplicates 1h
	}
	reverse_proxy /callback* %s
	%s
}
`, server.address, port, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), shop.address(), extra), map[string]any{"filename": "Caddyfile"})
		require.NoError(t, err)
		return adapted
	}
	require.NoError(t, caddy.Load(configured("header X-Config 0"), false))
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })

	to := &sidecar{t: t, url: "http://" + address}
	all := make([]notification, 200)
	for i := range all {
		all[i] = newNotification(t, fmt.Sprintf("reload-%d", i))
	}
	var delivering sync.WaitGroup
	delivering.Go(func() {
		for _, n := range all {
			acknowledged, _ := n.deliver(to)
			assert.True(t, acknowledged)
		}
	})
	for i := range 10 {
		require.NoError(t, caddy.Load(configured(fmt.Sprintf("header X-Config %d", i+1)), false))
	}
	delivering.Wait()
	for _, n := range all {
		acknowledged, status := n.deliver(to)
		assert.True(t, acknowledged)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, 1, shop.times(n))
	}
	client.CloseIdleConnections()
	require.Eventually(t, func() bool { return len(stores.InUse()) == 1 }, time.Minute, 50*time.Millisecond, "stores of former configs remain")
	require.Eventually(t, func() bool {
		connections, err := server.client().ClientList(t.Context()).Result()
		return err == nil && strings.Count(connections, "\n") <= 20
	}, time.Minute, 50*time.Millisecond, "connections of former configs remain")
}
