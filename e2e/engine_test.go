package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/rsabatch"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// startBatching runs a sidecar that should sign in batches, and exposes its metrics.
func startBatching(t *testing.T, gateway *upstream, env ...string) *sidecar {
	t.Helper()
	port := testnet.FreePort(t)
	config := caddyfile(port, fmt.Sprintf(`payermax_health
	metrics /metrics
	payermax /aggregate-pay/* {
		gateway %s
		app_id %s
		merchant_no %s
		key file %s {
			engine batch
		}
		gateway_public_key %s
		%s
	}`, gateway.url(), appID, merchantNo, testkeys.WritePrivate(t, testkeys.Merchant()), testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), unhurried))
	return start(t, fmt.Sprintf("127.0.0.1:%d", port), config, env)
}

// postAtOnce makes calls at the same time. The gateway checks their signatures.
func postAtOnce(t *testing.T, s *sidecar, calls int) {
	t.Helper()
	var all sync.WaitGroup
	for range calls {
		all.Go(func() { assert.Equal(t, 200, s.post(t, validBody()).status) })
	}
	all.Wait()
	s.awaitCalls(t, calls, "answered")
}

// With the engine batch, the gateway accepts every signature, and the log and the metrics name the
// engine that signs.
func TestBatchEngineSigns(t *testing.T) {
	t.Parallel()
	if err := rsabatch.Supported(); err != nil {
		t.Skip("there is no engine to test here: " + err.Error())
	}
	s := startBatching(t, newUpstream(t))
	s.AwaitLine(t, `"keys loaded"`, `"engine":"batch"`)
	postAtOnce(t, s, 100)
	metrics := get(t, "http://"+s.addr+"/metrics")
	assert.Contains(t, metrics, `caddy_payermax_signing_engine_info{engine="batch",`)
	assert.Contains(t, metrics, "caddy_payermax_engine_failures_total 0")
	assert.Contains(t, metrics, "caddy_payermax_engine_off 0")
	assert.NotContains(t, metrics, "caddy_payermax_signing_engine_unavailable")
}

// If the engine cannot be used, the sidecar says so when it starts, and crypto/rsa signs.
func TestBatchEngineFallsBack(t *testing.T) {
	t.Parallel()
	for debug, reason := range map[string]string{
		"cpu.avx512ifma=off": "AVX-512 IFMA",
		"fips140=on":         "FIPS 140-3",
	} {
		t.Run(debug, func(t *testing.T) {
			t.Parallel()
			s := startBatching(t, newUpstream(t), "GODEBUG="+debug)
			s.AwaitLine(t, `"level":"warn"`, "the configured engine cannot be used; crypto/rsa signs", reason)
			s.AwaitLine(t, `"keys loaded"`, `"engine":"crypto/rsa"`)
			postAtOnce(t, s, 20)
			metrics := get(t, "http://"+s.addr+"/metrics")
			assert.Contains(t, metrics, `caddy_payermax_signing_engine_info{engine="crypto/rsa",`)
			assert.Contains(t, metrics, `caddy_payermax_signing_engine_unavailable{engine="batch",`)
		})
	}
}
