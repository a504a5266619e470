package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// custodian runs a sidecar with every feature on that could show a key: the admin endpoint,
// autosave, metrics, health and debug logs.
func custodian(t *testing.T, gateway *upstream, keyPath string) (s *sidecar, admin string) {
	t.Helper()
	port, adminPort := testnet.FreePort(t), testnet.FreePort(t)
	admin = fmt.Sprintf("http://127.0.0.1:%d", adminPort)
	config := fmt.Sprintf(`{
	admin 127.0.0.1:%d
	debug
	metrics
}
http://:%d {
	bind handover/127.0.0.1 # or a reload could close the connection of the call after it
	payermax_health
	metrics /metrics
	payermax /aggregate-pay/* {
		gateway %s
		app_id %s
		merchant_no %s
		private_key %s
		gateway_public_key %s
	}
}
`, adminPort, port, gateway.url(), appID, merchantNo, keyPath, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey))
	return start(t, fmt.Sprintf("127.0.0.1:%d", port), config, nil), admin
}

// get returns the body of a page.
func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}

// The key is in memory and nowhere else: not in the config that the admin endpoint shows, nor in
// the config that Caddy saves, nor in metrics, health, logs or a crash report. That also holds
// after a key was refused while running.
func TestKeyIsNowhereButInMemory(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	path := testkeys.WritePrivate(t, testkeys.Merchant())
	s, admin := custodian(t, gateway, path)
	requireSuccess(t, s.post(t, validBody()))

	refused := testkeys.PrivatePEM(testkeys.Stranger())
	replaceFile(t, path, refused[:len(refused)/2]) // at once, so that it is refused only once
	s.AwaitLine(t, "the new keys cannot be used", path)
	requireSuccess(t, s.post(t, validBody()))

	shown := map[string]string{
		"the admin endpoint":  get(t, admin+"/config/"),
		"the metrics":         get(t, "http://"+s.addr+"/metrics"),
		"the admin's metrics": get(t, admin+"/metrics"),
		"the health":          get(t, "http://"+s.addr+"/readyz"),
	}
	assert.Contains(t, shown["the admin endpoint"], path)
	assert.Contains(t, shown["the metrics"], "caddy_payermax_key_info")
	assert.Contains(t, shown["the metrics"], "caddy_payermax_key_reload_failures_total 1")
	assert.Contains(t, shown["the health"], `"degraded"`)

	saved, err := os.ReadFile(filepath.Join(s.home, "config", "caddy", "autosave.json"))
	require.NoError(t, err)
	shown["autosave.json"] = string(saved)

	// The runtime's own report of all goroutines, as in a crash.
	s.told = true
	s.Signal(t, syscall.SIGABRT)
	shown["the logs and the crash"] = string(s.Wait(t, patience))
	assert.Contains(t, shown["the logs and the crash"], "goroutine")

	for where, text := range shown {
		for _, key := range []string{testkeys.PrivatePEM(testkeys.Merchant()), testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())), testkeys.OneLine(testkeys.PKCS1(testkeys.Merchant())), refused} {
			requireNoKey(t, text, key)
		}
		assert.False(t, strings.Contains(text, testkeys.Merchant().D.String()[:20]), where)
	}
}

// Metrics and health survive a reload of the config, and the counters continue.
func TestMetricsSurviveReload(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s, admin := custodian(t, gateway, testkeys.WritePrivate(t, testkeys.Merchant()))
	requireSuccess(t, s.post(t, validBody()))
	require.Contains(t, get(t, "http://"+s.addr+"/metrics"), `caddy_payermax_answers_total{result="verified"} 1`)

	load(t, admin, "application/json", get(t, admin+"/config/"))

	requireSuccess(t, s.post(t, validBody()))
	after := get(t, "http://"+s.addr+"/metrics")
	assert.Contains(t, after, `caddy_payermax_answers_total{result="verified"} 2`)
	assert.Equal(t, 1, strings.Count(after, "caddy_payermax_key_info{"))
}
