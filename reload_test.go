package payermax

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys"
)

// Two hundred config reloads leave no goroutine, open file or metric series behind.
func TestReloadsLeakNothing(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("open files are counted in /proc/self/fd, which is not here")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	path, public := writePrivateKey(t, merchantKey()), writePublicKey(t, &gatewayKey().PublicKey)
	config := func(i int) []byte {
		config, err := json.Marshal(map[string]any{
			"admin":   map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
			"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"level": "ERROR"}}},
			"apps": map[string]any{"http": map[string]any{"servers": map[string]any{"sidecar": map[string]any{
				"listen": []string{"127.0.0.1:0"},
				"routes": []any{map[string]any{"handle": []any{
					map[string]any{"handler": "payermax_notify_guard"},
					map[string]any{"handler": "payermax", "app_id": fmt.Sprint(i), "key": map[string]any{"source": "file", "path": path}},
					map[string]any{"handler": "payermax_notify", "app_ids": []string{fmt.Sprint(i)}, "gateway_public_keys": []string{public}},
					map[string]any{"handler": "reverse_proxy", "transport": map[string]any{"protocol": "payermax"},
						"upstreams": []any{map[string]any{"dial": "127.0.0.1:1"}}},
				}}},
			}}}},
		})
		require.NoError(t, err)
		return config
	}
	openFiles := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(files)
	}

	load := func(i int) { require.NoError(t, caddy.Load(config(i), true)) }
	load(0)
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	for i := range 10 { // until everything that starts only once has started
		load(1 + i)
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()

	for i := range 200 {
		load(11 + i)
	}
	require.Eventually(t, func() bool {
		return runtime.NumGoroutine() <= goroutines+5 && openFiles() <= files+2 && len(keys.InUse()) == 2
	}, 30*time.Second, 50*time.Millisecond)
}
