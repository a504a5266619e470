package payermax

import (
	"context"
	"crypto"
	"crypto/rsa"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// setKey makes the handler sign with another key, which need not pass the self-test.
func setKey(h *Handler, key crypto.Signer) {
	setKeys(h, key, h.merchants.only.keyring.Current().Gateway)
}

// setKeys does the same as setKey, and also changes the keys that verify answers.
func setKeys(h *Handler, key crypto.Signer, gateway []*rsa.PublicKey) {
	m := h.merchants.only
	before := m.keyring.Current()
	tested, tests := untested(key)
	ring, err := keys.Open(keys.Config{
		Source:      &keys.NamedSource{Source: fixedKey{tested}, Name: before.Signing.Source},
		GatewayKeys: gateway,
		KeyVersion:  func() (string, error) { return before.KeyVersion, nil },
		Logger:      zap.NewNop(),
	})
	if err != nil {
		panic(err)
	}
	tests()
	m.keyring.Release()
	m.keyring = ring
	m.keyring.Use()
}

// fixedKey is a source whose key never changes.
type fixedKey struct{ crypto.Signer }

func (k fixedKey) Key() (crypto.Signer, string, error) {
	return k.Signer, signer.Fingerprint(k.Public().(*rsa.PublicKey)), nil
}

// untested returns a key that signs with merchantKey until isOver is called, after the
// self-test, and then with the given key. It is of the same kind as that key, such as in
// memory or remote.
func untested(key crypto.Signer) (tested crypto.Signer, isOver func()) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, func() {}
	case signer.ContextSigner:
		later := &laterRemoteKey{remoteKey{merchantKey(), func(_ context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
			return merchantKey().Sign(nil, digest, opts)
		}}}
		return later, func() { later.ContextSigner = key }
	default:
		later := &laterKey{merchantKey()}
		return later, func() { later.Signer = key }
	}
}

// laterKey is a key that is replaced by another one later.
type laterKey struct{ crypto.Signer }

// laterRemoteKey is a remote laterKey.
type laterRemoteKey struct{ signer.ContextSigner }
