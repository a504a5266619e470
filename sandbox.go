package payermax

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// generatedKey is the source of a key that lives as long as the config.
type generatedKey struct{ *rsa.PrivateKey }

// Key returns the key.
func (k generatedKey) Key() (crypto.Signer, string, error) {
	return k.PrivateKey, signer.Fingerprint(&k.PrivateKey.PublicKey), nil
}

// openSandbox makes the merchants ready and puts a gateway in the place of the next
// handler. It knows the merchants, and they know its key.
func (h *Handler) openSandbox(ctx caddy.Context) error {
	key, err := sandbox.GenerateKey()
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

// The answers of a sandbox are those of PayerMax, signature included, but for
// the money. So they are marked wherever somebody might look: in Proxy-Status,
// in the log, in the health answer and in a metric.

// sandboxMark is the parameter of Proxy-Status, a Boolean of RFC 8941, that says
// that the answer is a sandbox's.
const sandboxMark = "; sandbox"

// isSandboxAnswer reports whether the gateway that answered is a sandbox in
// another process or site. Only a sandbox says so of itself.
func isSandboxAnswer(header http.Header) bool {
	return header.Get("Server") == sandbox.ServerName
}

// noticeSandbox reports whether another sandbox has answered the call, and warns of the
// handler's first one.
func (h *Handler) noticeSandbox(c *call, header http.Header) bool {
	if h.Sandbox || !isSandboxAnswer(header) {
		return false
	}
	if h.gateway.NoteSandbox() {
		h.logger.Warn("the gateway calls itself a sandbox, so no call reaches PayerMax", zap.String("request_id", c.id))
	}
	return true
}

// markSandbox marks an answer to a call that a sandbox answers.
func markSandbox(header http.Header) {
	header.Set("Proxy-Status", header.Get("Proxy-Status")+sandboxMark)
}
