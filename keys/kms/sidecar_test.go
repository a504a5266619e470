//go:build cgo && !nopkcs11

package kms

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	_ "github.com/caddy-payermax/caddy-payermax"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// The whole sidecar with a key in SoftHSM2: it signs, the token loses all its sessions,
// and it signs again. The embedded sandbox verifies the signatures.
func TestSidecarSignsWithSoftHSM(t *testing.T) {
	hsm := newSoftHSM(t)
	config := hsm.signing()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())

	address := testnet.FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)

	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(fmt.Sprintf(`{
	admin off
	persist_config off
	log {
		level ERROR
	}
}
:%s {
	bind 127.0.0.1
	payermax_health
	payermax /aggregate-pay/* {
		gateway sandbox sandbox
		key %s
	}
}
`, port, config)), map[string]any{"filename": "Caddyfile"})
	require.NoError(t, err)
	require.NoError(t, caddy.Load(adapted, true))
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })

	call := func() {
		t.Helper()
		answer, err := http.Post("http://"+address+"/aggregate-pay/api/gateway/applyDropinSession", "application/json",
			strings.NewReader(`{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`))
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, answer.StatusCode, string(body))
		assert.Contains(t, string(body), "APPLY_SUCCESS")
	}
	call()
	for range 3 {
		library, slot := hsm.backdoor()
		require.NoError(t, library.CloseAllSessions(slot))
		call()
	}

	health, err := http.Get("http://" + address + "/readyz")
	require.NoError(t, err)
	defer health.Body.Close()
	body, err := io.ReadAll(health.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), `"status":"ok"`)
	assert.Contains(t, string(body), `"source":"pkcs11"`)
}
