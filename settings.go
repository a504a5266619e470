package payermax

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/signer"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// settings are the handler's options with their placeholders expanded. They are
// kept apart from the handler's exported fields, which are the config that
// Caddy's admin endpoint and autosave show.
type settings struct {
	appID, merchantNo, spMerchantNo string
	version, keyVersion             string
	privateKey, gatewayPublicKey    string
}

// route is an endpoint as this handler serves it.
type route struct {
	endpoint
	identity envelope.Identity
	rules    *validate.RuleSet
}

// keys are what the handler signs and verifies with.
type keys struct {
	private *rsa.PrivateKey
	// gateway is nil if answers are not to be checked.
	gateway     *rsa.PublicKey
	fingerprint string
}

// expand returns the options with their placeholders expanded. An option that
// is configured but turns out empty is an error, not an absent option: a missing
// environment variable must not switch a check off. The sandbox is the
// exception, since it can supply everything itself.
func (h *Handler) expand(repl *caddy.Replacer) (settings, error) {
	var s settings
	for _, option := range []struct {
		name, value string
		maxLength   int // in characters, by the field table of the envelope
		target      *string
	}{
		{"app_id", h.AppID, 64, &s.appID},
		{"merchant_no", h.MerchantNo, 32, &s.merchantNo},
		{"sp_merchant_no", h.SPMerchantNo, 32, &s.spMerchantNo},
		{"version", h.Version, 8, &s.version},
		{"key_version", cmp.Or(h.KeyVersion, defaultKeyVersion), 8, &s.keyVersion},
		{"private_key", h.PrivateKey, 0, &s.privateKey},
		{"gateway_public_key", h.GatewayPublicKey, 0, &s.gatewayPublicKey},
	} {
		value, err := repl.ReplaceOrErr(option.value, false, true)
		if err != nil {
			return s, fmt.Errorf("%s: %w", option.name, err)
		}
		switch {
		case value == "" && option.value != "" && !h.Sandbox:
			return s, fmt.Errorf("%s: %s is empty; set it, or remove the option", option.name, option.value)
		case option.maxLength > 0 && utf8.RuneCountInString(value) > option.maxLength:
			return s, fmt.Errorf("%s: longer than the %d characters that PayerMax allows", option.name, option.maxLength)
		case option.maxLength > 0 && !isText(value):
			return s, fmt.Errorf("%s: contains characters that are not text, such as a line break; check where the value comes from", option.name)
		}
		*option.target = value
	}
	if h.Sandbox {
		s.appID = cmp.Or(s.appID, exampleAppID)
	}
	return s, h.requireOptions(s)
}

// isText reports whether a value can stand in the envelope as it is.
func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl)
}

// requireOptions reports what is missing, or has no place beside the sandbox.
func (h *Handler) requireOptions(s settings) error {
	switch {
	case h.Sandbox && s.gatewayPublicKey != "":
		return errors.New("gateway_public_key: has no place beside the sandbox, which signs with a key of its own; remove the option")
	case h.Sandbox:
		return nil
	case s.appID == "":
		return errors.New("app_id: required; it is the appId that PayerMax's dashboard shows")
	case s.privateKey == "":
		return errors.New("private_key: required; it is the path of the file with the merchant's RSA private key")
	}
	return nil
}

// routes returns the endpoints that are served, by path.
func (s settings) routes() (map[string]route, error) {
	routes := make(map[string]route, len(endpoints))
	for _, e := range endpoints {
		version := cmp.Or(s.version, e.version)
		rules, ok := validate.Lookup(e.name, version)
		if !ok {
			return nil, fmt.Errorf("version: %s has no version %q here; choose one of %s",
				e.name, version, strings.Join(validate.Versions(e.name), ", "))
		}
		routes[e.path()] = route{
			endpoint: e,
			identity: envelope.Identity{
				Version:      version,
				KeyVersion:   s.keyVersion,
				AppID:        s.appID,
				MerchantNo:   s.merchantNo,
				SPMerchantNo: s.spMerchantNo,
			},
			rules: rules,
		}
	}
	return routes, nil
}

// loadKeys reads the keys that are configured.
func (s settings) loadKeys() (keys, error) {
	var k keys
	var err error
	if s.privateKey != "" {
		if k.private, err = signer.ReadPrivateKeyFile(s.privateKey); err != nil {
			return keys{}, fmt.Errorf("private_key: %w", err)
		}
		k.fingerprint = signer.Fingerprint(&k.private.PublicKey)
	}
	if s.gatewayPublicKey != "" {
		if k.gateway, err = signer.ReadPublicKeyFile(s.gatewayPublicKey); err != nil {
			return keys{}, fmt.Errorf("gateway_public_key: %w", err)
		}
	}
	return k, nil
}
