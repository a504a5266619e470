package payermax

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// generatedKeyBits is the key length that PayerMax asks for
// (docs: developer/signature-rules).
const generatedKeyBits = 2048

// generatedKey is the source of a key that lives as long as the config.
type generatedKey struct{ *rsa.PrivateKey }

// Key returns the key.
func (k generatedKey) Key() (crypto.Signer, string, error) {
	return k.PrivateKey, signer.Fingerprint(&k.PrivateKey.PublicKey), nil
}

// openSandbox makes the merchants ready and puts a gateway in the place of the next
// handler. It knows the merchants, and they know its key.
func (h *Handler) openSandbox(ctx caddy.Context) error {
	key, err := generateKey()
	if err != nil {
		return fmt.Errorf("opening the sandbox: %w", err)
	}
	if err := h.openMerchants(ctx, &key.PublicKey); err != nil {
		return err
	}
	var known []sandbox.Merchant
	for _, m := range h.merchants.all() {
		public, err := m.publicKey()
		if err != nil {
			return fmt.Errorf("opening the sandbox: %w", err)
		}
		known = append(known, sandbox.Merchant{
			AppID:        m.identity.AppID,
			MerchantNo:   m.identity.MerchantNo,
			SPMerchantNo: m.identity.SPMerchantNo,
			KeyVersion:   m.keyring.Current().KeyVersion,
			PublicKey:    public,
		})
		h.logger.Warn("the sandbox answers: no call reaches PayerMax", zap.String("app_id", m.identity.AppID))
	}
	if h.sandbox, err = sandbox.New(key, known...); err != nil {
		return fmt.Errorf("opening the sandbox: %w", err)
	}
	return nil
}

// sandboxPath is where the sandbox has its page for people and its control API
// for tests.
const sandboxPath = "/sandbox/"

// closeSandbox ends what a sandbox still has to deliver, if there is one.
func closeSandbox(gateway *sandbox.Gateway) error {
	if gateway == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return gateway.Close(ctx)
}

// generateKey makes a key for the sandbox, which is gone with the process.
func generateKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, generatedKeyBits)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	return key, nil
}
