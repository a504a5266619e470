package payermax

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// settings are the handler's options with their placeholders expanded. They are
// kept apart from the handler's exported fields, which are the config that
// Caddy's admin endpoint and autosave show.
type settings struct {
	appID, merchantNo, spMerchantNo string
	versions                        map[string]string
	merchantPublicKey               string
	gatewayPublicKeys               []string
}

// route is an endpoint as this handler serves it.
type route struct {
	endpoint
	identity envelope.Identity
	rules    *validate.RuleSet // nil if there are none for the endpoint
}

// expand returns the options with their placeholders expanded. An option that
// is configured but turns out empty is an error, not an absent option: a missing
// environment variable must not switch a check off. The sandbox is the
// exception, since it can supply everything itself.
func (h *Handler) expand(repl *caddy.Replacer) (settings, error) {
	var s settings
	s.gatewayPublicKeys = make([]string, len(h.GatewayPublicKeys))
	options := []option{
		{"app_id", h.AppID, 64, &s.appID},
		{"merchant_no", h.MerchantNo, 32, &s.merchantNo},
		{"sp_merchant_no", h.SPMerchantNo, 32, &s.spMerchantNo},
		{"merchant_public_key", h.MerchantPublicKey, 0, &s.merchantPublicKey},
	}
	for i, path := range h.GatewayPublicKeys {
		options = append(options, option{"gateway_public_key", path, 0, &s.gatewayPublicKeys[i]})
	}
	for _, o := range options {
		if err := o.expand(repl, h.Sandbox); err != nil {
			return s, err
		}
	}
	s.versions = make(map[string]string, len(h.Versions))
	for name, configured := range h.Versions {
		if _, ok := lookupEndpoint(name); !ok {
			return s, fmt.Errorf("version: there is no endpoint %q", name)
		}
		var version string
		if err := (option{"version", configured, 8, &version}).expand(repl, false); err != nil {
			return s, err
		}
		s.versions[name] = version
	}
	if h.Sandbox {
		s.appID = cmp.Or(s.appID, exampleAppID)
	}
	return s, h.requireOptions(s)
}

// option is one option whose value may contain placeholders.
type option struct {
	name, value string
	maxLength   int // in characters, by the field table of the envelope; 0 for paths
	target      *string
}

// expand sets the option's target.
func (o option) expand(repl *caddy.Replacer, mayBeEmpty bool) error {
	value, err := repl.ReplaceOrErr(o.value, false, true)
	if err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	switch {
	case value == "" && o.value != "" && !mayBeEmpty:
		return fmt.Errorf("%s: %s is empty; set it, or remove the option", o.name, o.value)
	case o.maxLength > 0 && utf8.RuneCountInString(value) > o.maxLength:
		return fmt.Errorf("%s: longer than the %d characters that PayerMax allows", o.name, o.maxLength)
	case o.maxLength > 0 && !isText(value):
		return fmt.Errorf("%s: contains characters that are not text, such as a line break; check where the value comes from", o.name)
	}
	*o.target = value
	return nil
}

// expandKeyVersion returns the key version. It is expanded anew with each
// generation of keys, since it may come from a file beside them.
func (h *Handler) expandKeyVersion() (string, error) {
	version := defaultKeyVersion
	if h.KeyVersion == "" {
		return version, nil
	}
	err := option{"key_version", h.KeyVersion, 8, &version}.expand(caddy.NewReplacer(), false)
	return version, err
}

// isText reports whether a value can stand in the envelope as it is.
func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl)
}

// requireOptions reports what is missing, or has no place beside the sandbox.
func (h *Handler) requireOptions(s settings) error {
	switch {
	case h.Sandbox && slices.ContainsFunc(s.gatewayPublicKeys, func(path string) bool { return path != "" }):
		return errors.New("gateway_public_key: has no place beside the sandbox, which signs with a key of its own; remove the option")
	case h.Sandbox:
		return nil
	case s.appID == "":
		return errors.New("app_id: required; it is the appId that PayerMax's dashboard shows")
	case h.KeyRaw == nil:
		return errors.New("private_key: required; it is the path of the file with the merchant's RSA private key")
	}
	return nil
}

// enabledRoutes returns the endpoints that are enabled, by path.
func (h *Handler) enabledRoutes(s settings) (map[string]route, error) {
	enabled, err := enabledEndpoints(h.Endpoints)
	if err != nil {
		return nil, err
	}
	routes := make(map[string]route, len(enabled))
	for _, e := range enabled {
		version := cmp.Or(s.versions[e.name], e.version)
		rules, err := rulesFor(e.name, version)
		if err != nil {
			return nil, err
		}
		routes[e.path()] = route{
			endpoint: e,
			identity: envelope.Identity{
				Version:      version,
				AppID:        s.appID,
				MerchantNo:   s.merchantNo,
				SPMerchantNo: s.spMerchantNo,
			},
			rules: rules,
		}
	}
	return routes, nil
}

// rulesFor returns the rules for an endpoint's data, or nil if there are none
// for this endpoint yet. Where there are some, the version must be one of theirs.
func rulesFor(name, version string) (*validate.RuleSet, error) {
	rules, ok := validate.Lookup(name, version)
	if known := validate.Versions(name); !ok && len(known) > 0 {
		return nil, fmt.Errorf("version: %s has no version %q here; choose one of %s", name, version, strings.Join(known, ", "))
	}
	return rules, nil
}

// openKeyring loads the keys that are configured. For the sandbox, a key that is
// not configured is generated.
func (h *Handler) openKeyring(ctx caddy.Context, s settings) (*keyring, error) {
	source, err := loadKeySource(ctx, h, "KeyRaw", h.KeyRaw)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	next, err := loadKeySource(ctx, h, "NextKeyRaw", h.NextKeyRaw)
	if err != nil {
		return nil, fmt.Errorf("next_key: %w", err)
	}
	if h.Sandbox {
		s.gatewayPublicKeys = nil
		if source == nil || source.isFile() && source.KeySource.(*KeyFile).path == "" {
			key, err := generateKey()
			if err != nil {
				return nil, err
			}
			source = &keyHolder{generatedKey{key}, "generated"}
		}
	}
	ring := &keyring{
		source: source, next: next,
		gatewayFiles: s.gatewayPublicKeys, merchantFile: s.merchantPublicKey,
		keyVersion: h.expandKeyVersion,
		logger:     h.logger, metrics: processMetrics,
	}
	return ring, ring.load()
}
