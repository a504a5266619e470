package keys

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// pickUp is how soon a new key must be in use.
const pickUp = 30 * time.Second

// owner stands for a Caddy module whose config names a source.
type owner struct {
	KeyRaw json.RawMessage `json:"key,omitempty" caddy:"namespace=payermax.keys inline_key=source"`
}

// load loads a source as a config names it.
func load(t *testing.T, raw string) *NamedSource {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	o := &owner{json.RawMessage(raw)}
	source, err := LoadSource(ctx, o, "KeyRaw", o.KeyRaw)
	require.NoError(t, err)
	return source
}

// inFile returns the source of a key that is in a file.
func inFile(t *testing.T, path string) *NamedSource {
	t.Helper()
	return load(t, fmt.Sprintf(`{"source":"file","path":%q}`, path))
}

// try opens a ring with key version 1, unless the config says otherwise.
func try(config Config) (*Ring, error) {
	if config.KeyVersion == nil {
		config.KeyVersion = func() (string, error) { return "1", nil }
	}
	if config.Logger == nil {
		config.Logger = zap.NewNop()
	}
	return Open(config)
}

// open is try for a config that must be good.
func open(t *testing.T, config Config) *Ring {
	t.Helper()
	ring, err := try(config)
	require.NoError(t, err)
	return ring
}

// watched opens a ring and watches its keys until the test ends.
func watched(t *testing.T, config Config) *Ring {
	t.Helper()
	ring := open(t, config)
	ring.Use()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ring.Watch(t.Context())
	}()
	t.Cleanup(func() {
		<-ended // otherwise, failures to read deleted files could be counted in the next test
		ring.Release()
	})
	return ring
}

// fingerprint returns the fingerprint of the key in use.
func fingerprint(r *Ring) string { return r.Current().Signing.Fingerprint }

// requireInUse waits until the key is in use.
func requireInUse(t *testing.T, r *Ring, key *rsa.PrivateKey) {
	t.Helper()
	want := signer.Fingerprint(&key.PublicKey)
	require.Eventually(t, func() bool { return fingerprint(r) == want }, pickUp, 10*time.Millisecond)
}

// requireRefused waits until a newer generation is refused.
func requireRefused(t *testing.T, r *Ring) {
	t.Helper()
	require.Eventually(t, func() bool { return r.Refused() != "" }, pickUp, 10*time.Millisecond)
}

// measured returns the metrics of the package, by their names and labels.
func measured(t *testing.T) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for _, family := range testtool.Gathered(t, prom.Collectors()...) {
		for _, metric := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "caddy_payermax_")
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = testtool.ValueOf(metric)
		}
	}
	return values
}
