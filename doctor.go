package payermax

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/doctor/command"
	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// describe extracts from a Handler's JSON config what the doctor examines.
func describe(ctx caddy.Context, config []byte) (*command.Signing, error) {
	h := new(Handler)
	if err := caddy.StrictUnmarshalJSON(config, h); err != nil {
		return nil, err
	}
	described := &command.Signing{
		Merchants:    h.describeMerchants(ctx),
		Validation:   cmp.Or(h.Validation, validationStrict),
		IsLenient:    h.Validation == validationOff || h.Validation == validationWarn,
		Shadow:       h.Shadow,
		FollowsClock: h.FollowGatewayClock,
		Timeout:      cmp.Or(time.Duration(h.Timeout), defaultTimeout),
		Sandbox:      h.Sandbox,
	}
	described.CallerDoubt, described.CallerNext = h.Limits.DoubtAboutCallerID()
	described.IdentifiesCallers = h.Limits != nil && h.Limits.CallerID != "" && described.CallerDoubt == ""
	routes, err := h.enabledRoutes()
	described.SettingsError = err
	described.Paths = slices.Sorted(maps.Keys(routes))
	for _, r := range routes {
		described.Endpoints = append(described.Endpoints, r.Name+" "+r.Version)
		if r.rulesOf != "" {
			described.JudgedBy = fmt.Sprintf("there are no rules for %s %s, so those of %s apply to its requests", r.Name, r.Version, r.rulesOf)
		}
	}
	if h.SandboxWithCredentials {
		described.Credentials = h.credentialsOfAll()
	}
	return described, nil
}

// credentialsOfAll returns the names of the credentials of all merchants, each once.
func (h *Handler) credentialsOfAll() []string {
	repl := caddy.NewReplacer()
	if len(h.Merchants) == 0 {
		return h.credentials(repl)
	}
	seen := make(map[string]bool)
	var all []string
	for _, choice := range h.Merchants {
		shared := h.withShared(choice.Merchant)
		for _, name := range shared.credentials(repl) {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

// describeMerchants returns the merchants that the handler signs for.
func (h *Handler) describeMerchants(ctx caddy.Context) []doctor.Merchant {
	if len(h.Merchants) == 0 {
		return []doctor.Merchant{h.describeMerchant(ctx, h.Merchant)}
	}
	var all []doctor.Merchant
	for i, choice := range h.Merchants {
		m := h.describeMerchant(ctx, h.withShared(choice.Merchant))
		m.Name = ", merchant " + cmp.Or(m.MerchantNo.Value, fmt.Sprintf("no. %d", i+1))
		all = append(all, m)
	}
	return all
}

// describeMerchant expands a merchant's options and finds its keys.
func (h *Handler) describeMerchant(ctx caddy.Context, m Merchant) doctor.Merchant {
	expand := func(name, configured string, maxLength int) doctor.Option {
		return command.Expand(name, configured, maxLength, h.Sandbox && isBlank(caddy.NewReplacer(), configured))
	}
	described := doctor.Merchant{
		AppID:        expand("app_id", m.AppID, envelope.MaxAppID),
		MerchantNo:   expand("merchant_no", m.MerchantNo, envelope.MaxMerchantNo),
		SPMerchantNo: expand("sp_merchant_no", m.SPMerchantNo, envelope.MaxMerchantNo),
		KeyVersion:   command.Expand("key_version", m.KeyVersion, envelope.MaxVersion, false),
		PublicKey:    expand("merchant_public_key", m.MerchantPublicKey, 0),
		Key:          m.describeKey(ctx, "KeyRaw", m.KeyRaw, h.Sandbox),
		NextKey:      m.describeKey(ctx, "NextKeyRaw", m.NextKeyRaw, h.Sandbox),
		QueryVersion: h.queryVersion(),
	}
	token := m.MerchantAuthToken
	if h.Sandbox && isBlank(caddy.NewReplacer(), token) {
		token = "" // the sandbox needs no token
	}
	described.AuthToken, described.AuthTokenPerRequest = describeToken(token)
	for _, path := range m.GatewayPublicKeys {
		described.GatewayPublicKeys = append(described.GatewayPublicKeys, expand("gateway_public_key", path, 0))
	}
	return described
}

// describeToken expands a service provider's token, unless it depends on the
// request.
func describeToken(configured string) (token doctor.Option, perRequest bool) {
	if isPerRequest(configured) && setting.CheckFiles(configured) == nil {
		return token, true
	}
	token = command.ExpandToken("merchant_auth_token", configured)
	if token.Error != nil || configured == "" {
		return token, false
	}
	m := merchant{authToken: configured}
	token.Value, token.Error = m.expandAuthToken(caddy.NewReplacer())
	if err := grammar.CheckPlaceholder(configured); err != nil {
		token.Value, token.Error = "", err
	}
	return token, false
}

// queryVersion returns the API version to declare for orderQuery.
func (h *Handler) queryVersion() string {
	query, _ := protocol.Lookup(protocol.OrderQueryEndpoint)
	versions, err := h.expandVersions(caddy.NewReplacer())
	if err != nil {
		return query.Version
	}
	return cmp.Or(versions[query.Name], query.Version)
}

// describeKey says where the key of a config field is. It returns nil if there is no key,
// or if the sandbox generates one.
func (m Merchant) describeKey(ctx caddy.Context, field string, raw json.RawMessage, sandbox bool) *doctor.Key {
	if raw == nil || sandbox && isBlankKey(caddy.NewReplacer(), raw) {
		return nil
	}
	var named struct {
		Source              string `json:"source"`
		Path                string `json:"path"`
		RefuseWorldReadable bool   `json:"refuse_world_readable"`
		Engine              string `json:"engine"`
	}
	if err := json.Unmarshal(raw, &named); err != nil && named.Source == "" {
		return nil // such a key cannot be loaded either
	}
	key := &doctor.Key{Source: named.Source, RefuseWorldReadable: named.RefuseWorldReadable}
	if named.Source != doctor.SourceFile {
		key.Load = func() (crypto.Signer, error) {
			source, err := keys.LoadSource(ctx, &m, field, raw)
			if err != nil {
				return nil, err
			}
			signer, _, err := source.Key()
			return signer, err
		}
		return key
	}
	if named.Engine != "" {
		key.WithEngine = func(private *rsa.PrivateKey) (crypto.Signer, error) { return keys.WithEngine(named.Engine, private) }
	}
	key.Path = command.Expand("private_key", named.Path, 0, true)
	if key.Path.Error == nil && key.Path.Value == "" {
		key.Path.Error = fmt.Errorf("%s: %w%s", named.Path, keys.ErrNoPath, setting.WhyEmpty(named.Path)) // the same error as from keys.File
	}
	return key
}
