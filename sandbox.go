package payermax

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/embedded"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// generatedKey is the source of a generated key, which exists only as long as the config
// is loaded.
type generatedKey struct{ *rsa.PrivateKey }

// Key returns the key and its fingerprint.
func (k generatedKey) Key() (crypto.Signer, string, error) {
	return k.PrivateKey, signer.Fingerprint(&k.PrivateKey.PublicKey), nil
}

// openSandbox opens the merchants, and the sandbox that answers in place of the next
// handler. The sandbox gets the merchants' public keys, and the merchants verify answers
// with the sandbox's key.
func (h *Handler) openSandbox(ctx caddy.Context) error {
	key, err := embedded.SigningKey(ctx)
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
		if err := embedded.NoteMerchants(ctx, embedded.Merchant{AppID: m.identity.AppID, MerchantNo: m.identity.MerchantNo}); err != nil {
			return err
		}
		h.logger.Warn("the sandbox answers: no call reaches PayerMax", zap.String("app_id", m.identity.AppID))
	}
	if h.sandbox, err = sandbox.New(key, known...); err != nil {
		return fmt.Errorf("opening the sandbox: %w", err)
	}
	return nil
}

// A sandbox's answers look like PayerMax's, including the signature, but no money moves.
// So they are marked wherever somebody might look: in Proxy-Status, in the log, in the
// health answer and in a metric.

// sandboxMark is the parameter of Proxy-Status, a Boolean of RFC 8941, that marks a
// sandbox's answer.
const sandboxMark = "; sandbox"

// isSandboxAnswer reports whether the gateway that answered is a sandbox in another
// process or site. A sandbox identifies itself in the Server header.
func isSandboxAnswer(header http.Header) bool {
	return header.Get("Server") == sandbox.ServerName
}

// noticeSandbox reports whether a sandbox elsewhere has answered the call. It logs a
// warning the first time.
func (h *Handler) noticeSandbox(c *call, header http.Header) bool {
	if h.Sandbox || !isSandboxAnswer(header) {
		return false
	}
	if h.gateway.NoteSandbox() {
		h.logger.Warn("the gateway calls itself a sandbox, so no call reaches PayerMax", zap.String("request_id", c.id))
	}
	return true
}

// markSandbox marks the answer as a sandbox's.
func markSandbox(header http.Header) {
	header.Set("Proxy-Status", header.Get("Proxy-Status")+sandboxMark)
}

// Real credentials with the sandbox usually mean that somebody mistakes it for PayerMax:
// a variable is missing, or has the wrong value, and no payment is real. So they are
// refused, unless sandbox is written twice.

// checkSandbox refuses a merchant's credentials with the sandbox, unless
// SandboxWithCredentials is set.
func (h *Handler) checkSandbox(m *Merchant) error {
	if !h.Sandbox || h.SandboxWithCredentials {
		return nil
	}
	if named := m.credentials(caddy.NewReplacer()); len(named) > 0 {
		return fmt.Errorf("the gateway is the sandbox, which never calls PayerMax, but the configuration has a merchant's %s, "+
			"so the sandbox may be mistaken for PayerMax. For PayerMax, write gateway uat or gateway production. "+
			`For the sandbox, leave these options out, or write gateway sandbox sandbox (in JSON, "sandbox_with_credentials": true) `+
			"if it is to run with them", strings.Join(named, ", "))
	}
	return nil
}

// credentials returns the names of the options that identify the merchant or its keys and
// are not blank.
func (m *Merchant) credentials(repl *caddy.Replacer) []string {
	var named []string
	for _, o := range []struct {
		name    string
		isBlank bool
	}{
		{"app_id", isBlank(repl, m.AppID)},
		{"merchant_no", isBlank(repl, m.MerchantNo)},
		{"sp_merchant_no", isBlank(repl, m.SPMerchantNo)},
		{"merchant_auth_token", isBlank(repl, m.MerchantAuthToken)},
		{"private_key", isBlankKey(repl, m.KeyRaw)},
		{"next_private_key", isBlankKey(repl, m.NextKeyRaw)},
		{"merchant_public_key", isBlank(repl, m.MerchantPublicKey)},
		{"gateway_public_key", isBlank(repl, m.GatewayPublicKeys...)},
	} {
		if !o.isBlank {
			named = append(named, o.name)
		}
	}
	return named
}

// withoutBlanks returns the merchant without the credentials that turn out blank, such as
// variables that are not set. The sandbox supplies what it needs of them.
func (m Merchant) withoutBlanks(repl *caddy.Replacer) Merchant {
	for _, value := range []*string{&m.AppID, &m.MerchantNo, &m.SPMerchantNo, &m.MerchantAuthToken, &m.MerchantPublicKey} {
		if isBlank(repl, *value) {
			*value = ""
		}
	}
	for _, key := range []*json.RawMessage{&m.KeyRaw, &m.NextKeyRaw} {
		if isBlankKey(repl, *key) {
			*key = nil
		}
	}
	if isBlank(repl, m.GatewayPublicKeys...) {
		m.GatewayPublicKeys = nil
	}
	return m
}

// isBlank reports whether all values expand to nothing but white space. A placeholder
// that only a request can fill in is not blank. Nor is a placeholder for a missing file,
// which would be an error without the sandbox as well.
func isBlank(repl *caddy.Replacer, values ...string) bool {
	for _, value := range values {
		if setting.NamesMissingFile(value) || strings.TrimSpace(repl.ReplaceKnown(value, "")) != "" {
			return false
		}
	}
	return true
}

// isBlankKey reports whether there is no key, or the path of its file is blank.
func isBlankKey(repl *caddy.Replacer, raw json.RawMessage) bool {
	if raw == nil {
		return true
	}
	var named struct {
		Source string  `json:"source"`
		Path   *string `json:"path"` // of any source whose key is in a file
	}
	if json.Unmarshal(raw, &named) != nil {
		return false
	}
	if named.Path == nil {
		return named.Source == "file"
	}
	return isBlank(repl, *named.Path)
}
