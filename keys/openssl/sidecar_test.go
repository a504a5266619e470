//go:build cgo

package openssl

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	_ "github.com/caddy-payermax/caddy-payermax"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// The whole sidecar with a key in OpenSSL, under load and during reloads. The embedded
// sandbox verifies the signatures.
func TestSidecarSignsWithOpenSSL(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	address := testnet.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)

	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin off
	persist_config off
	log {
		level ERROR
	}
}
:%s {
	bind handover/127.0.0.1
	payermax_health
	metrics /metrics
	payermax /aggregate-pay/* {
		gateway sandbox sandbox
		key openssl %s
	}
}
`, port, testkeys.WriteFile(t, testkeys.PrivatePEM(testkeys.Merchant()))), map[string]any{"filename": "Caddyfile"})
	require.NoError(t, err)
	require.NoError(t, caddy.Load(adapted, true))
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })

	get := func(path string) string {
		t.Helper()
		answer, err := http.Get("http://" + address + path)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(body)
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 25 {
				answer, err := http.Post("http://"+address+"/aggregate-pay/api/gateway/applyDropinSession", "application/json",
					strings.NewReader(`{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`))
				if !assert.NoError(t, err) {
					return
				}
				body, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				assert.NoError(t, err)
				assert.Contains(t, string(body), "APPLY_SUCCESS")
			}
		})
	}
	for range 5 {
		require.NoError(t, caddy.Load(adapted, true))
	}
	callers.Wait()
	health := get("/readyz")
	assert.Contains(t, health, `"status":"ok"`)
	assert.Contains(t, health, `"source":"openssl"`)
	assert.Contains(t, get("/metrics"), `source="openssl"`)
}
