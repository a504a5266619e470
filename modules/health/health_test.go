package health

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/build"
	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// probe sends a probe and returns the answer.
func probe(t *testing.T, path string, shuttingDown bool) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	placeholders := caddy.NewReplacer()
	placeholders.Set("http.shutting_down", shuttingDown)
	r := caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodGet, path, nil), placeholders, w, nil)
	require.NoError(t, new(Handler).ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})))
	return w
}

// verifyingKeys returns keys that are in use until the end of the test.
func verifyingKeys(t *testing.T) *keys.Ring {
	t.Helper()
	ring, err := keys.Open(keys.Config{GatewayKeys: []*rsa.PublicKey{&testkeys.Gateway().PublicKey}, Logger: zap.NewNop()})
	require.NoError(t, err)
	ring.Use()
	t.Cleanup(ring.Release)
	return ring
}

// The answers to probes, byte for byte unless they contain times.
func TestProbes(t *testing.T) {
	own := fmt.Sprintf(`"version":%q,"commit":%q}`, build.Current().Version, build.Current().Commit)
	for _, test := range []struct {
		path         string
		shuttingDown bool
		status       int
		body         string
	}{
		{"/livez", false, http.StatusOK, `{"status":"ok"}`},
		{"/livez", true, http.StatusOK, `{"status":"ok"}`},
		{"/readyz", false, http.StatusServiceUnavailable, `{"status":"no_key",` + own},
		{"/startupz", false, http.StatusServiceUnavailable, `{"status":"no_key",` + own},
		{"/readyz", true, http.StatusServiceUnavailable, `{"status":"shutting_down",` + own},
		{"/metrics", false, http.StatusTeapot, ""},
	} {
		w := probe(t, test.path, test.shuttingDown)
		assert.Equal(t, test.status, w.Code, test.path)
		if test.body != "" {
			assert.Equal(t, test.body+"\n", w.Body.String(), test.path)
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		}
	}
}

// Only GET and HEAD are allowed for probes. A path that nothing serves does not get the empty
// 200 with which Caddy ends a chain of handlers.
func TestNothingElse(t *testing.T) {
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodHead, "/livez", http.StatusOK, ""},
		{http.MethodPost, "/livez", http.StatusMethodNotAllowed, "GET, HEAD"},
		{http.MethodDelete, "/readyz", http.StatusMethodNotAllowed, "GET, HEAD"},
		{http.MethodPost, "/", http.StatusNotFound, ""},
		{http.MethodGet, "/healthz", http.StatusNotFound, ""},
		{http.MethodGet, "/livez/", http.StatusNotFound, ""},
	} {
		w, placeholders := httptest.NewRecorder(), caddy.NewReplacer()
		placeholders.Set("http.shutting_down", false)
		r := caddyhttp.PrepareRequest(httptest.NewRequest(test.method, test.path, nil), placeholders, w, nil)
		silent := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
		require.NoError(t, new(Handler).ServeHTTP(w, r, silent))
		assert.Equal(t, test.status, w.Code, "%s %s", test.method, test.path)
		assert.Equal(t, test.allow, w.Header().Get("Allow"), "%s %s", test.method, test.path)
	}
}

// The keys in use are shown, with their age.
func TestKeysAreShown(t *testing.T) {
	ring := verifyingKeys(t)
	assert.Equal(t, http.StatusOK, probe(t, "/readyz", false).Code)
	said := readiness(false)
	assert.Equal(t, "ok", said.Status)
	require.Len(t, said.Keys, 1)
	assert.Equal(t, "gateway_public_key", said.Keys[0].Source)
	assert.Equal(t, signer.Fingerprint(&testkeys.Gateway().PublicKey), said.Keys[0].Fingerprint)
	assert.WithinDuration(t, time.Now(), said.Keys[0].Loaded, time.Minute)
	assert.Less(t, said.Keys[0].Age, int64(60))
	assert.Equal(t, "shutting_down", readiness(true).Status)
	ring.Release()
	assert.Equal(t, "no_key", readiness(false).Status)
}

// A newer key that was refused is shown. It takes no replica out of service, and keeps none in
// service that is shutting down.
func TestRefusedKeyIsShown(t *testing.T) {
	path := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	ring, err := keys.Open(keys.Config{GatewayFiles: []string{path}, Logger: zap.NewNop()})
	require.NoError(t, err)
	ring.Use()
	t.Cleanup(ring.Release)
	require.NoError(t, os.WriteFile(path, []byte("no key"), 0o600))
	ring.Refresh()
	said := readiness(false)
	assert.Equal(t, "degraded", said.Status)
	require.Len(t, said.Keys, 1)
	assert.Equal(t, ring.Refused(), said.Keys[0].Refused)
	assert.Equal(t, http.StatusOK, probe(t, "/readyz", false).Code)
	assert.Equal(t, "shutting_down", readiness(true).Status)
	assert.Equal(t, http.StatusServiceUnavailable, probe(t, "/readyz", true).Code)
}

// Times are in UTC, whatever the time zone of the machine.
func TestTimesAreInUTC(t *testing.T) {
	loaded := time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
	shown := newKeyHealth(keys.Identity{}, keys.Generation{Loaded: loaded}, "").Loaded
	assert.Equal(t, "2026-01-02T02:04:05.006Z", shown.Format(time.RFC3339Nano))
}

// inMemory is a source whose key is not in a file.
type inMemory struct{ key *rsa.PrivateKey }

// Key returns the key.
func (m inMemory) Key() (crypto.Signer, string, error) {
	return m.key, signer.Fingerprint(&m.key.PublicKey), nil
}

// The next key is shown as soon as it is loaded, and the previous one in its place once
// PayerMax has switched.
func TestNextKeyIsShown(t *testing.T) {
	key, next := testkeys.Merchant(), testkeys.Next()
	ring, err := keys.Open(keys.Config{
		Source: &keys.NamedSource{Source: inMemory{key}, Name: "memory"}, Next: &keys.NamedSource{Source: inMemory{next}, Name: "memory"},
		KeyVersion: func() (string, error) { return "1", nil }, Logger: zap.NewNop(),
	})
	require.NoError(t, err)
	ring.Use()
	t.Cleanup(ring.Release)
	said := readiness(false).Keys
	require.Len(t, said, 1)
	assert.Equal(t, signer.Fingerprint(&key.PublicKey), said[0].Fingerprint)
	assert.Equal(t, signer.Fingerprint(&next.PublicKey), said[0].NextFingerprint)
	ring.Promote(ring.Current().Next)
	said = readiness(false).Keys
	assert.Equal(t, signer.Fingerprint(&next.PublicKey), said[0].Fingerprint)
	assert.Equal(t, signer.Fingerprint(&key.PublicKey), said[0].NextFingerprint)
}

// With several gateways, the largest clock skew, the latest success, and whether any is a
// sandbox are shown. Unknown values are omitted.
func TestGatewaysAreShown(t *testing.T) {
	said := readiness(false)
	assert.Nil(t, said.ClockSkew)
	assert.Nil(t, said.LastSuccess)
	assert.False(t, said.Sandbox)

	for _, ahead := range []time.Duration{20 * time.Second, -40 * time.Second, 0} {
		g := gateways.New("")
		now := time.Now()
		g.ObserveClock(http.Header{"Date": {now.Add(ahead).UTC().Format(http.TimeFormat)}}, now, zap.NewNop())
		g.NoteSuccess()
		if ahead == 0 {
			g.NoteSandbox()
		}
		g.Use()
		t.Cleanup(g.Release)
	}
	said = readiness(false)
	require.NotNil(t, said.ClockSkew)
	assert.InDelta(t, -40, *said.ClockSkew, 1)
	require.NotNil(t, said.LastSuccess)
	assert.WithinDuration(t, time.Now(), *said.LastSuccess, time.Minute)
	assert.True(t, said.Sandbox)
}

// remote is a store that cannot be reached.
type remote struct{ stores.Store }

func (remote) Files() []string { return nil }

func (remote) Check(context.Context) error { return errors.New("connection refused") }

func (remote) Concerns(context.Context) ([]stores.Concern, error) {
	return nil, errors.New("connection refused")
}

func (remote) Health() stores.Health {
	return stores.Health{Name: "redis", Since: time.Unix(1, 0), Problem: "connection refused"}
}

// A store that cannot be reached is shown, and takes no replica out of service.
func TestStoreIsShown(t *testing.T) {
	verifyingKeys(t)
	assert.NotContains(t, probe(t, "/readyz", false).Body.String(), `"store"`)
	release := stores.Use(remote{})
	t.Cleanup(release)
	w := probe(t, "/readyz", false)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `{"status":"ok"`)
	assert.Contains(t, w.Body.String(), `"store":{"module":"redis","reachable":false,"since":"1970-01-01T00:00:01Z","problem":"connection refused"}`)
	assert.NotContains(t, probe(t, "/livez", false).Body.String(), `"store"`)
	release()
	assert.NotContains(t, probe(t, "/readyz", false).Body.String(), `"store"`)
}

// The Caddyfile's syntax.
func TestOptions(t *testing.T) {
	for text, refused := range map[string]string{
		"payermax_health": "",
		"payermax_health {\ncertificates a.crt b.crt\n}": "",
		"payermax_health x":                              "takes its options in a block",
		"payermax_health {\nx\n}":                        "x",
		"payermax_health {\ncertificates\n}":             "certificates has no value: expected certificates <paths...>",
		"payermax_health {\ncertificate a.crt\n}":        "certificates",
		"payermax_health {\ncertificates PRIVATE_KEY\n}": "looks like a key itself",
	} {
		text = strings.ReplaceAll(text, "PRIVATE_KEY", testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))
		_, err := parse(httpcaddyfile.Helper{Dispenser: caddyfile.NewTestDispenser(text)})
		if refused == "" {
			assert.NoError(t, err, text)
		} else {
			assert.ErrorContains(t, err, refused)
		}
	}
}
