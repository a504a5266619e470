package kms

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// adaptSource parses the words after "key" as the directive does, and returns the JSON
// config.
func adaptSource(input string) (string, []byte, error) {
	d := caddyfile.NewTestDispenser(input)
	d.Next()
	name := "payermax.keys." + d.Val()
	module, err := caddyfile.UnmarshalModule(d, name)
	if err != nil {
		return name, nil, err
	}
	config, err := json.Marshal(module)
	return name, config, err
}

// loadSource loads a source as Caddy does, from a Caddyfile and through JSON. The
// returned function unloads its config.
func loadSource(t *testing.T, input string) (keySource, context.CancelFunc, error) {
	t.Helper()
	name, config, err := adaptSource(input)
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID(name, config)
	if err != nil {
		return nil, cancel, err
	}
	return module.(keySource), cancel, nil
}

// mustKey returns the source's key, and checks what keys.Source promises about it.
func mustKey(t *testing.T, source keySource) crypto.Signer {
	t.Helper()
	key, fingerprint, err := source.Key()
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	sum := sha256.Sum256(der)
	assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), fingerprint)
	return key
}

// signWith signs in the way that the handler prefers, and verifies with crypto/rsa.
func signWith(t *testing.T, key crypto.Signer) error {
	t.Helper()
	digest := sha256.Sum256([]byte(`{"data":{}}`))
	signer, ok := key.(interface {
		SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error)
	})
	require.True(t, ok)
	signature, err := signer.SignContext(context.Background(), digest[:], crypto.SHA256)
	if err == nil {
		assert.NoError(t, rsa.VerifyPKCS1v15(key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature))
	}
	return err
}
