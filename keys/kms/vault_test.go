package kms

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

const vaultToken = "hvs.CANARY-TOKEN"

// vaultBench is a stand-in for Vault that listens on the network.
type vaultBench struct {
	*vaulttest.Server
	http *httptest.Server
	file string // the path of the file with the token
}

func newVaultBench(t *testing.T) *vaultBench {
	t.Helper()
	b := &vaultBench{Server: vaulttest.New(vaultToken), file: filepath.Join(t.TempDir(), "token")}
	require.NoError(t, os.WriteFile(b.file, []byte(vaultToken), 0o600))
	b.http = httptest.NewServer(b.Server)
	t.Cleanup(b.http.Close)
	return b
}

// config returns a config with the given JSON members added or replaced.
func (b *vaultBench) config(more map[string]any) json.RawMessage {
	config := map[string]any{"address": b.http.URL, "key": b.KeyName, "token_file": b.file}
	for name, value := range more {
		if config[name] = value; value == nil {
			delete(config, name)
		}
	}
	encoded, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	return encoded
}

// load loads the source as Caddy does. The returned function unloads its config.
func (b *vaultBench) load(t *testing.T, more map[string]any) (*Vault, context.CancelFunc) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("payermax.keys.vault", b.config(more))
	require.NoError(t, err)
	return module.(*Vault), cancel
}

// vaultSign signs with the source's key as the handler does. It returns the
// fingerprint of the key that signed.
func vaultSign(ctx context.Context, v *Vault) (string, error) {
	key, fingerprint, err := v.Key()
	if err != nil {
		return "", err
	}
	return fingerprint, vaultSignWith(ctx, key)
}

func vaultSignWith(ctx context.Context, key crypto.Signer) error {
	digest := sha256.Sum256([]byte(`{"version":"1.5"}`))
	signer := key.(interface {
		SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
	})
	signature, err := signer.SignContext(ctx, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature)
}

func (b *vaultBench) fingerprint(t *testing.T, version int) string {
	t.Helper()
	fingerprint, err := fingerprintOf(&b.Versions[version-1].PublicKey)
	require.NoError(t, err)
	return fingerprint
}

func TestVaultSigns(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, nil)

	for range 5 {
		fingerprint, err := vaultSign(t.Context(), v)
		require.NoError(t, err)
		assert.Equal(t, b.fingerprint(t, 1), fingerprint)
	}
	assert.Equal(t, 1, b.Calls("GET /v1/transit/keys/payermax"), "the public key is kept")
	assert.Equal(t, 5, b.Calls("POST /v1/transit/sign/payermax/sha2-256"))
}

func TestVaultSignsWithKubernetesLogin(t *testing.T) {
	b := newVaultBench(t)
	b.Issue = vaulttest.Token{TTL: time.Hour, Renewable: true}
	require.NoError(t, os.WriteFile(b.file, []byte(b.JWT), 0o600))
	v, _ := b.load(t, map[string]any{
		"token_file": nil,
		"kubernetes": map[string]any{"role": "payermax", "service_account_token": b.file},
	})

	_, err := vaultSign(t.Context(), v)

	require.NoError(t, err)
	assert.Equal(t, 1, b.Calls("POST /v1/auth/kubernetes/login"))
}

func TestVaultSignsWithAPinnedVersion(t *testing.T) {
	b := newVaultBench(t)
	b.rotate()
	b.rotate()
	v, _ := b.load(t, map[string]any{"version": 2})

	fingerprint, err := vaultSign(t.Context(), v)

	require.NoError(t, err)
	assert.Equal(t, b.fingerprint(t, 2), fingerprint)
}
