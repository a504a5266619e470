package payermax

import (
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/confinement"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

// Merchant is the merchant on whose behalf PayerMax is called, with its keys.
type Merchant struct {
	// The merchant application that the key belongs to (`appId`), as PayerMax's
	// dashboard shows it. Required, unless the sandbox answers. Placeholders are
	// expanded when the config is loaded.
	AppID string `json:"app_id,omitempty"`

	// The merchant number (`merchantNo`). Without it, the application's own
	// `merchantNo` is sent, if there is one. Placeholders are expanded when the config
	// is loaded.
	MerchantNo string `json:"merchant_no,omitempty"`

	// The service provider's merchant number (`spMerchantNo`), for providers who call
	// on behalf of other merchants. Placeholders are expanded when the config is
	// loaded.
	SPMerchantNo string `json:"sp_merchant_no,omitempty"`

	// The token that authorises a service provider to call for the merchant. It is sent
	// as the header `merchant_auth_token`. It must be a placeholder, such as
	// `{file./run/secrets/payermax/token}`, because Caddy saves and shows its config. It
	// is expanded for each request, so a file may change, and placeholders of the request
	// can select one of several tokens. Optional.
	MerchantAuthToken string `json:"merchant_auth_token,omitempty"`

	// The source of the signing key: a module in the namespace payermax.keys that
	// implements [keys.Source]. The source `file` is part of this module. Required,
	// unless the sandbox answers.
	KeyRaw json.RawMessage `json:"key,omitempty" caddy:"namespace=payermax.keys inline_key=source"`

	// The key to switch to when the key is changed at PayerMax. A newly uploaded public
	// key is valid at once, and the old one no longer is. So when PayerMax answers
	// `SIGN_VERIFY_FAILED` to a request that is safe to repeat, the sidecar sends it once
	// more, signed with the next key. If PayerMax accepts that signature, the sidecar
	// keeps using the next key until the config changes, or until `private_key` is no
	// longer the key that PayerMax refused. A refusal for another reason, such as an
	// order that does not exist, also shows that it accepts the signature.
	//
	// The file may be missing, as long as its directory exists: it is read as soon as it
	// appears. Optional.
	NextKeyRaw json.RawMessage `json:"next_key,omitempty" caddy:"namespace=payermax.keys inline_key=source"`

	// The path of the file with the public key that you uploaded to PayerMax, in any form
	// that `gateway_public_key` accepts. If it is set, a config whose private key does
	// not match is refused, and so is a new private key that does not match. Placeholders
	// are expanded when the config is loaded.
	MerchantPublicKey string `json:"merchant_public_key,omitempty"`

	// The paths of the files with PayerMax's public keys, each in PEM or as the one
	// line of base64 that the dashboard shows. An answer must be signed with one of
	// them. Without this option, answers are passed on unchecked. Placeholders are
	// expanded when the config is loaded.
	GatewayPublicKeys []string `json:"gateway_public_keys,omitempty"`

	// The version of the signature algorithm (`keyVersion`). Default: `1`, the only one
	// that PayerMax documents. Placeholders are expanded whenever the keys are loaded, so
	// `{file.*}` can name a file that changes together with the keys.
	KeyVersion string `json:"key_version,omitempty"`
}

// merchant is a Merchant that is ready to sign.
type merchant struct {
	// identity is complete except for Version, which depends on the endpoint, and
	// KeyVersion, which depends on the key.
	identity  envelope.Identity
	authToken string
	// tokenHeaders are the request headers that authToken's placeholders name.
	tokenHeaders []string
	keyring      *keys.Ring
}

// open expands the options and loads the keys. If sandboxKey is set, open supplies what
// is missing.
func (m *Merchant) open(ctx caddy.Context, sandboxKey *rsa.PublicKey, logger *zap.Logger) (*merchant, error) {
	repl := caddy.NewReplacer()
	if sandboxKey != nil {
		present := m.withoutBlanks(repl)
		m = &present
	}
	expanded, err := m.expand(repl, sandboxKey != nil)
	if err != nil {
		return nil, err
	}
	if protocol.AreExchanged(expanded.AppID, expanded.MerchantNo) {
		logger.Warn("app_id and merchant_no seem to be exchanged: app_id has 15 digits like a merchantNo, and merchant_no has 32 hexadecimal digits like an appId; compare both with PayerMax's dashboard")
	}
	ring, err := m.openKeyring(ctx, expanded, sandboxKey, logger)
	if err != nil {
		return nil, err
	}
	return &merchant{
		identity: envelope.Identity{
			AppID:        expanded.AppID,
			MerchantNo:   expanded.MerchantNo,
			SPMerchantNo: expanded.SPMerchantNo,
		},
		authToken:    m.MerchantAuthToken,
		tokenHeaders: setting.RequestHeaders(m.MerchantAuthToken),
		keyring:      ring,
	}, nil
}

// expand returns a copy with the placeholders expanded. m itself stays unchanged, since
// it is the config, which Caddy's admin endpoint and autosave show.
//
// An option that is configured but turns out empty is an error, not an absent option: a
// missing environment variable must not switch a check off. With the sandbox, which can
// supply everything itself, withoutBlanks has already removed such options.
func (m *Merchant) expand(repl *caddy.Replacer, sandbox bool) (Merchant, error) {
	expanded := *m
	expanded.GatewayPublicKeys = slices.Clone(m.GatewayPublicKeys)
	options := []setting.Option{
		{Name: "app_id", Value: m.AppID, MaxLength: envelope.MaxAppID, Target: &expanded.AppID},
		{Name: "merchant_no", Value: m.MerchantNo, MaxLength: envelope.MaxMerchantNo, Target: &expanded.MerchantNo},
		{Name: "sp_merchant_no", Value: m.SPMerchantNo, MaxLength: envelope.MaxMerchantNo, Target: &expanded.SPMerchantNo},
		{Name: "merchant_public_key", Value: m.MerchantPublicKey, Target: &expanded.MerchantPublicKey},
	}
	for i, path := range m.GatewayPublicKeys {
		options = append(options, setting.Option{Name: "gateway_public_key", Value: path, Target: &expanded.GatewayPublicKeys[i]})
	}
	for _, o := range options {
		if err := o.Expand(repl, false); err != nil {
			return expanded, err
		}
	}
	if err := checkAuthToken(repl, m.MerchantAuthToken); err != nil {
		return expanded, fmt.Errorf("merchant_auth_token: %w", err)
	}
	if sandbox {
		expanded.AppID = cmp.Or(expanded.AppID, protocol.ExampleAppID)
	}
	return expanded, expanded.requireOptions(sandbox)
}

// requireOptions returns an error for a required option that is missing, or for one that
// is not allowed with the sandbox.
func (m *Merchant) requireOptions(sandbox bool) error {
	switch {
	case sandbox && len(m.GatewayPublicKeys) > 0:
		return errors.New("gateway_public_key: the gateway is the sandbox, which signs with its own key, not PayerMax's. " +
			"For PayerMax, write gateway uat or gateway production; for the sandbox, remove gateway_public_key")
	case sandbox:
		return nil
	case m.AppID == "":
		return errors.New("app_id: required; set it to the appId in PayerMax's dashboard")
	case m.KeyRaw == nil:
		return errors.New("private_key: required; set it to the path of the file with the merchant's RSA private key")
	}
	return nil
}

// checkAuthToken checks that the config holds a placeholder and not the token itself. If
// the placeholder does not depend on a request, it also checks the token that the file or
// variable contains.
func checkAuthToken(repl *caddy.Replacer, token string) error {
	if token == "" {
		return nil
	}
	if err := grammar.CheckPlaceholder(token); err != nil {
		return err
	}
	expanded, err := setting.Replace(repl, token, true, false)
	if err != nil {
		return err
	}
	if _, err := setting.Replace(repl, token, true, true); err != nil {
		return nil // part of the token comes with each request
	}
	return setting.CheckToken(strings.TrimSpace(expanded), token)
}

// expandAuthToken returns the token to send with a request, or "" if no token is
// configured.
func (m *merchant) expandAuthToken(repl *caddy.Replacer) (string, error) {
	if m.authToken == "" {
		return "", nil
	}
	token, err := setting.Replace(repl, m.authToken, true, true)
	if err != nil {
		return "", fmt.Errorf("merchant_auth_token: %w", err)
	}
	token = strings.TrimSpace(token)
	if token == "" || !httpguts.ValidHeaderFieldValue(token) {
		return "", errors.New("merchant_auth_token: it is empty or contains characters that a header cannot hold")
	}
	if err := setting.CheckToken(token, m.authToken); err != nil {
		return "", fmt.Errorf("merchant_auth_token: %w", err)
	}
	return token, nil
}

// isPerRequest reports whether the configured token comes with each request.
func isPerRequest(token string) bool { return strings.Contains(token, "{http.") }

// checkTokenHeaders refuses a request that has a token header more than once: Caddy's
// placeholder joins the values with commas, and the result would be a token that PayerMax
// never issued.
func (m *merchant) checkTokenHeaders(header http.Header) error {
	for _, name := range m.tokenHeaders {
		if n := len(header.Values(name)); n > 1 {
			return badRequest(fmt.Sprintf("merchant_auth_token comes from the header, but the request has %d headers %s; send one", n, name))
		}
	}
	return nil
}

// withoutToken refuses a call for which there is no token. Retrying does not help: the
// application must add the token or, if the token does not come with the request, the
// operator must.
func (m *merchant) withoutToken(cause error) *reply.Refusal {
	if isPerRequest(m.authToken) {
		f := reply.ClientError(http.StatusBadRequest, "PARAMS_INVALID",
			"merchant_auth_token must come with each request, but this request has none, or one with characters that a header cannot hold; send it")
		f.Cause = cause
		return f
	}
	return &reply.Refusal{
		Code: "SYSTEM_ERROR", Msg: "merchant_auth_token cannot be read; nothing was sent; the operator must correct it before a retry can succeed",
		Status: http.StatusInternalServerError, ProxyError: "proxy_configuration_error", Outcome: reply.NotSent, Cause: cause,
	}
}

// expandKeyVersion returns the key version. It is called for each generation of keys,
// since the version may come from a file that changes together with them.
func (m *Merchant) expandKeyVersion() (string, error) {
	version := protocol.KeyVersion
	if m.KeyVersion == "" {
		return version, nil
	}
	err := setting.Option{Name: "key_version", Value: m.KeyVersion, MaxLength: envelope.MaxVersion, Target: &version}.Expand(caddy.NewReplacer(), false)
	return version, err
}

// openKeyring loads the configured keys. If sandboxKey is set, it generates a missing
// private key, and answers are verified with sandboxKey.
func (m *Merchant) openKeyring(ctx caddy.Context, expanded Merchant, sandboxKey *rsa.PublicKey, logger *zap.Logger) (*keys.Ring, error) {
	source, err := keys.LoadSource(ctx, m, "KeyRaw", m.KeyRaw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keys.OptionOf(m.KeyRaw, "private_key", "key"), err)
	}
	next, err := keys.LoadSource(ctx, m, "NextKeyRaw", m.NextKeyRaw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keys.OptionOf(m.NextKeyRaw, "next_private_key", "next_key"), err)
	}
	if source == nil && sandboxKey != nil {
		key, err := sandbox.GenerateKey()
		if err != nil {
			return nil, err
		}
		source = &keys.NamedSource{Source: generatedKey{key}, Name: "generated"}
	}
	config := keys.Config{
		Source: source, Next: next,
		GatewayFiles: expanded.GatewayPublicKeys, MerchantFile: expanded.MerchantPublicKey,
		KeyVersion: m.expandKeyVersion,
		Logger:     logger,
	}
	if sandboxKey != nil {
		config.GatewayKeys = []*rsa.PublicKey{sandboxKey}
	}
	ring, err := keys.Open(config)
	return ring, confinement.Explain(err)
}

// publicKey returns the public half of the key in use.
func (m *merchant) publicKey() (*rsa.PublicKey, error) {
	key, ok := m.keyring.Current().Signing.Private.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the signing key is not an RSA key")
	}
	return key, nil
}
