//go:build cgo

package openssl

import (
	"crypto"
	"crypto/rsa"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys"
)

// mustLoad is load for input that must be valid.
func mustLoad(t *testing.T, input string) *keys.NamedSource {
	t.Helper()
	source, err := load(t, input)
	require.NoError(t, err)
	return source
}

// mustOpen hands a key over to OpenSSL.
func mustOpen(t *testing.T, private *rsa.PrivateKey) crypto.Signer {
	t.Helper()
	opened, err := newKey(private)
	require.NoError(t, err)
	return opened
}
