package payermax

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/modules/health"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// shownHealth has the parts of a health answer that the tests read.
type shownHealth struct {
	Status string
	Keys   []struct {
		Source, Fingerprint, Refused string
		Loaded                       time.Time
	}
	Sandbox     bool
	ClockSkew   *float64   `json:"clock_skew_seconds"`
	LastSuccess *time.Time `json:"gateway_last_success"`
}

// probe requests the health and returns the status and the body.
func probe(t *testing.T, path string, shuttingDown bool) (status int, body shownHealth) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	repl := caddyhttp.NewTestReplacer(r)
	repl.Set("http.shutting_down", shuttingDown)
	r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
	w := httptest.NewRecorder()
	require.NoError(t, new(health.Handler).ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})))
	if w.Code != http.StatusTeapot {
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		assert.Equal(t, body.Sandbox, strings.Contains(w.Body.String(), "sandbox"), "only where there is one")
	}
	return w.Code, body
}

func TestHealth(t *testing.T) {
	status, answer := probe(t, "/livez", true)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "ok", answer.Status)

	status, answer = probe(t, "/readyz", false)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "no_key", answer.Status)

	path := writePrivateKey(t, merchantKey())
	h := newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(path) })
	for _, path := range []string{"/readyz", "/startupz"} {
		status, answer = probe(t, path, false)
		assert.Equal(t, http.StatusOK, status)
		require.Len(t, answer.Keys, 1)
		assert.Equal(t, fingerprint(h), answer.Keys[0].Fingerprint)
		assert.Equal(t, "file", answer.Keys[0].Source)
		assert.WithinDuration(t, time.Now(), answer.Keys[0].Loaded, time.Minute)
	}

	status, answer = probe(t, "/readyz", true)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "shutting_down", answer.Status)

	status, _ = probe(t, "/metrics", false)
	assert.Equal(t, http.StatusTeapot, status)

	// A sidecar that keeps using the last good key is ready, but degraded.
	require.NoError(t, os.WriteFile(path, []byte("CANARY"), 0o600))
	require.Eventually(t, func() bool { _, answer := probe(t, "/readyz", false); return answer.Status == "degraded" }, pickUp, 10*time.Millisecond)
	status, answer = probe(t, "/readyz", false)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, answer.Keys[0].Refused, path)
	assert.NotContains(t, answer.Keys[0].Refused, "CANARY")
}

// The keys that verify notifications are watched like the keys that sign.
func TestHealthOfNotify(t *testing.T) {
	first, second := writePublicKey(t, &gatewayKey().PublicKey), writePublicKey(t, &merchantKey().PublicKey)
	n := &notify.Handler{GatewayPublicKeys: []string{first, second}}
	require.NoError(t, n.Provision(testcaddy.Context(t)))
	t.Cleanup(func() { require.NoError(t, n.Cleanup()) })
	fingerprints := []string{signer.Fingerprint(&gatewayKey().PublicKey), signer.Fingerprint(&merchantKey().PublicKey)}
	slices.Sort(fingerprints)

	status, answer := probe(t, "/readyz", false)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "ok", answer.Status)
	require.Len(t, answer.Keys, 2)
	for i, key := range answer.Keys {
		assert.Equal(t, "gateway_public_key", key.Source)
		assert.Equal(t, fingerprints[i], key.Fingerprint)
		assert.WithinDuration(t, time.Now(), key.Loaded, time.Minute)
	}
	series := func(name string) map[string]float64 {
		found := make(map[string]float64)
		for series, value := range keyMetrics(t) {
			if labels, ok := strings.CutPrefix(series, name+"{"); ok {
				fingerprint, ok := strings.CutSuffix(labels, ",gateway_public_key}")
				require.True(t, ok, series)
				found[fingerprint] = value
			}
		}
		return found
	}
	assert.Equal(t, map[string]float64{fingerprints[0]: 1, fingerprints[1]: 1}, series("caddy_payermax_key_info"))
	assert.Equal(t, map[string]float64{fingerprints[0]: 0, fingerprints[1]: 0}, series("caddy_payermax_key_degraded"))

	failures := keyMetrics(t)["caddy_payermax_key_reload_failures_total"]
	require.NoError(t, os.WriteFile(second+".new", []byte("CANARY"), 0o600))
	require.NoError(t, os.Rename(second+".new", second)) // a rename, because a half-written file could be counted as well
	require.Eventually(t, func() bool { _, answer := probe(t, "/readyz", false); return answer.Status == "degraded" }, pickUp, 10*time.Millisecond)
	status, answer = probe(t, "/readyz", false)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, answer.Keys[0].Refused, second)
	assert.NotContains(t, answer.Keys[0].Refused, "CANARY")
	assert.Equal(t, map[string]float64{fingerprints[0]: 1, fingerprints[1]: 1}, series("caddy_payermax_key_degraded"))
	assert.Equal(t, failures+1, keyMetrics(t)["caddy_payermax_key_reload_failures_total"])

	require.NoError(t, n.Cleanup())
	_, answer = probe(t, "/readyz", false)
	assert.Equal(t, "no_key", answer.Status)
}
