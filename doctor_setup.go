package payermax

import (
	"cmp"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// setup takes a config apart, and reports on what concerns it as a whole.
func (t *trial) setup(name string, config configTree) (doctor.Setup, doctor.Report) {
	handlers := config.handlers()
	if len(handlers) == 0 {
		return doctor.Setup{}, doctor.Report{found(name, "config", doctor.Problem, "it has neither a payermax nor a payermax_sign handler",
			"write a payermax block into a site")}
	}
	t.use(config)
	notLoaded, loadError := t.tryConfig(config, handlers)

	var setup doctor.Setup
	for _, module := range []string{"payermax", "payermax_notify"} {
		for _, h := range handlers {
			if h.module == module {
				setup.Handlers = append(setup.Handlers, t.handler(h, loadError != nil))
			}
		}
	}
	numberNames(setup.Handlers)

	report := doctor.Report{found(name, "config", doctor.OK, "it is understood; "+countOf(handlers), "")}
	switch {
	case notLoaded != "":
		report = append(report, found(name, "load", doctor.NotChecked, notLoaded, ""))
	case loadError == nil:
		report = append(report, found(name, "load", doctor.OK, "Caddy loads it: limits, contract, versions and all other options are in order", ""))
	case slices.ContainsFunc(setup.Handlers, func(h doctor.Handler) bool { return h.LoadError != nil }):
		report = append(report, found(name, "load", doctor.Problem, "Caddy does not load it, for the reasons below", ""))
	default:
		report = append(report, found(name, "load", doctor.Problem, doctor.Discreet(loadError.Error()), "correct the config; caddy validate shows the same"))
	}
	report = append(report, config.describeAdmin(name)...)
	return setup, append(report, config.describeSandboxes()...)
}

// tryConfig loads the whole config, unless that would need a network that is not
// to be used.
func (t *trial) tryConfig(config configTree, handlers []foundHandler) (notLoaded string, err error) {
	if t.offline && slices.ContainsFunc(handlers, foundHandler.hasDistantKey) {
		return "loading asks the source of a key that is not in a file, which --offline forbids", nil
	}
	return "", t.loadConfig(config)
}

// hasDistantKey reports whether a key of the handler's is not in a file.
func (h foundHandler) hasDistantKey() bool {
	merchants := []any{h.config}
	if several, isList := h.config["merchants"].([]any); isList {
		merchants = append(merchants, several...)
	}
	for _, m := range merchants {
		for _, name := range []string{"key", "next_key"} {
			merchant, _ := m.(map[string]any)
			if key, isObject := merchant[name].(map[string]any); isObject && key["source"] != doctor.SourceFile {
				return true
			}
		}
	}
	return false
}

// countOf says how many handlers there are.
func countOf(handlers []foundHandler) string {
	counts := make(map[string]int)
	for _, h := range handlers {
		counts[h.module]++
	}
	text := fmt.Sprintf("handlers that sign: %d", counts["payermax"])
	if verifying := counts["payermax_notify"]; verifying > 0 {
		text += fmt.Sprintf("; that verify notifications: %d", verifying)
	}
	return text
}

// numberNames tells handlers of the same place apart.
func numberNames(handlers []doctor.Handler) {
	seen := make(map[string]int)
	for i := range handlers {
		h := &handlers[i]
		if seen[h.Name]++; seen[h.Name] > 1 {
			unnumbered := h.Name
			h.Name = fmt.Sprintf("%s (%d)", unnumbered, seen[unnumbered])
			for j := range h.Merchants {
				h.Merchants[j].Name = h.Name + strings.TrimPrefix(h.Merchants[j].Name, unnumbered)
			}
		}
	}
}

// handler takes one handler apart. If the config does not load, the handler is
// tried alone, to tell whether it is the reason.
func (t *trial) handler(f foundHandler, broken bool) doctor.Handler {
	described := doctor.Handler{Name: f.name()}
	if broken {
		_, described.LoadError = t.loadModule("http.handlers."+f.module, without(f.config, "handler"))
	}
	if f.module == "payermax_notify" {
		described.Verifies = true
		described.Found = f.describeNotify()
		for _, path := range textsOf(f.config["gateway_public_keys"]) {
			described.GatewayPublicKeys = append(described.GatewayPublicKeys, expandedOption("gateway_public_key", path, 0, false))
		}
		return described
	}

	h := new(Handler)
	raw, err := json.Marshal(without(f.config, "handler"))
	if err == nil {
		err = caddy.StrictUnmarshalJSON(raw, h)
	}
	if err != nil {
		return described // which cannot be loaded either
	}
	described.Sandbox = h.Sandbox
	described.Found = append(described.Found, f.describeSandbox(h)...)
	if !f.isPrivate() {
		described.Found = append(described.Found, found("", "listener", doctor.Warning, "it listens beyond this machine, and whoever reaches the port can have calls signed", "bind 127.0.0.1, or make sure that only the application gets there"))
	}
	if !h.Sandbox {
		var result doctor.Result
		result, described.Gateways = t.gateways(f.proxy, h.FollowGatewayClock)
		described.Found = append(described.Found, result)
	}
	described.Found = append(described.Found, h.describeSettings(), timesOf(f, h).check())
	described.Merchants = t.merchants(described.Name, h)
	return described
}

// describeNotify says for whom notifications pass, and which requests get past
// their verification.
func (f foundHandler) describeNotify() []doctor.Result {
	var results []doctor.Result
	appIDs, merchantNos := textsOf(f.config["app_ids"]), textsOf(f.config["merchant_nos"])
	if len(appIDs)+len(merchantNos) == 0 {
		results = append(results, found("", "merchant", doctor.Warning, notify.ForAnybody.Message, notify.ForAnybody.Next))
	}
	results = append(results, describeAddressees("app_id", appIDs, 64)...)
	results = append(results, describeAddressees("merchant_no", merchantNos, 32)...)
	for _, way := range f.waysPast {
		results = append(results, found("", "placement", doctor.Warning, way.Message, way.Next))
	}
	return results
}

// describeAddressees says what the values of an option are.
func describeAddressees(name string, configured []string, maxLength int) []doctor.Result {
	if len(configured) == 0 {
		return nil
	}
	values, err := setting.ExpandAll(name, configured, maxLength, caddy.NewReplacer())
	if err != nil {
		return []doctor.Result{found("", name, doctor.Problem, strings.TrimPrefix(err.Error(), name+": "), "")}
	}
	return []doctor.Result{found("", name, doctor.OK, "notifications pass that are for "+strings.Join(values, ", "), "")}
}

// describeSettings says which endpoints are signed, and how strictly.
func (h *Handler) describeSettings() doctor.Result {
	routes, err := h.enabledRoutes()
	if err != nil {
		return found("", "settings", doctor.Problem, err.Error(), "")
	}
	var endpoints []string
	for _, r := range routes {
		endpoints = append(endpoints, r.Name+" "+r.Version)
	}
	slices.Sort(endpoints)
	const enough = 7
	if more := len(endpoints) - enough; more > 0 {
		endpoints = append(endpoints[:enough], fmt.Sprintf("and %d more", more))
	}
	message := fmt.Sprintf("signs %s; validation %s", strings.Join(endpoints, ", "), cmp.Or(h.Validation, validationStrict))
	switch {
	case h.Shadow:
		return found("", "settings", doctor.Warning, message+"; in shadow mode, so the application still signs", "remove shadow when the signatures agree")
	case h.Validation == validationOff, h.Validation == validationWarn:
		return found("", "settings", doctor.Warning, message+", so requests that break PayerMax's rules are signed", "write validation strict when the application is ready")
	}
	for _, r := range routes {
		if r.rulesOf != "" {
			return found("", "settings", doctor.Warning, fmt.Sprintf("%s; there are no rules for %s %s, so those of %s judge its requests",
				message, r.Name, r.Version, r.rulesOf), "")
		}
	}
	return found("", "settings", doctor.OK, message, "")
}

// merchants returns the merchants that a handler signs for.
func (t *trial) merchants(name string, h *Handler) []doctor.Merchant {
	if len(h.Merchants) == 0 {
		return []doctor.Merchant{t.merchant(name, h.Merchant, h)}
	}
	var all []doctor.Merchant
	for i, choice := range h.Merchants {
		m := t.merchant("", h.withShared(choice.Merchant), h)
		m.Name = fmt.Sprintf("%s, merchant %s", name, cmp.Or(m.MerchantNo.Value, fmt.Sprintf("no. %d", i+1)))
		all = append(all, m)
	}
	return all
}

// merchant expands a merchant's options and finds its keys.
func (t *trial) merchant(name string, m Merchant, h *Handler) doctor.Merchant {
	expand := func(name, configured string, maxLength int) doctor.Option {
		return expandedOption(name, configured, maxLength, h.Sandbox)
	}
	described := doctor.Merchant{
		Name:         name,
		AppID:        expand("app_id", m.AppID, envelope.MaxAppID),
		MerchantNo:   expand("merchant_no", m.MerchantNo, envelope.MaxMerchantNo),
		SPMerchantNo: expand("sp_merchant_no", m.SPMerchantNo, envelope.MaxMerchantNo),
		KeyVersion:   expandedOption("key_version", m.KeyVersion, envelope.MaxVersion, false),
		PublicKey:    expand("merchant_public_key", m.MerchantPublicKey, 0),
		Key:          t.key(m, "KeyRaw", m.KeyRaw, h.Sandbox),
		NextKey:      t.key(m, "NextKeyRaw", m.NextKeyRaw, h.Sandbox),
		QueryVersion: h.queryVersion(),
	}
	described.AuthToken, described.AuthTokenPerRequest = expandedToken(m.MerchantAuthToken)
	for _, path := range m.GatewayPublicKeys {
		described.GatewayPublicKeys = append(described.GatewayPublicKeys, expand("gateway_public_key", path, 0))
	}
	return described
}

// expandedOption expands an option as the handler does, and notes placeholders
// that stand for nothing.
func expandedOption(name, configured string, maxLength int, mayBeEmpty bool) doctor.Option {
	expanded := doctor.Option{Name: name}
	repl := caddy.NewReplacer()
	_, _ = repl.ReplaceFunc(configured, func(placeholder string, value any) (any, error) {
		if caddy.ToString(value) == "" {
			expanded.Empty = append(expanded.Empty, "{"+placeholder+"}")
		}
		return value, nil
	})
	expanded.Error = setting.Option{Name: name, Value: configured, MaxLength: maxLength, Target: &expanded.Value}.Expand(repl, mayBeEmpty)
	return expanded
}

// expandedToken expands a service provider's token, unless it depends on the
// request.
func expandedToken(configured string) (token doctor.Option, perRequest bool) {
	if strings.Contains(configured, "{http.") {
		return token, true
	}
	token = expandedOption("merchant_auth_token", configured, 0, false)
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

// queryVersion is the API version of orderQuery.
func (h *Handler) queryVersion() string {
	query, _ := protocol.Lookup(protocol.OrderQueryEndpoint)
	versions, err := h.expandVersions(caddy.NewReplacer())
	if err != nil {
		return query.Version
	}
	return cmp.Or(versions[query.Name], query.Version)
}

// key says where a key is. It is nil if there is none, or if the sandbox makes
// one.
func (t *trial) key(m Merchant, field string, raw json.RawMessage, sandbox bool) *doctor.Key {
	if raw == nil {
		return nil
	}
	var named struct {
		Source              string `json:"source"`
		Path                string `json:"path"`
		RefuseWorldReadable bool   `json:"refuse_world_readable"`
	}
	if err := json.Unmarshal(raw, &named); err != nil && named.Source == "" {
		return nil // which cannot be loaded either
	}
	key := &doctor.Key{Source: named.Source, RefuseWorldReadable: named.RefuseWorldReadable}
	switch {
	case named.Source == doctor.SourceFile:
		key.Path = expandedOption("private_key", named.Path, 0, true)
		if key.Path.Error == nil && key.Path.Value == "" {
			if sandbox {
				return nil
			}
			key.Path.Error = fmt.Errorf("%s: %w", named.Path, keys.ErrNoPath) // as keys.File says it
		}
	case !t.offline:
		key.Load = func() (crypto.Signer, error) {
			source, err := keys.LoadSource(t.ctx, &m, field, raw)
			if err != nil {
				return nil, errors.New(innermost(err, "payermax.keys."+named.Source))
			}
			signer, _, err := source.Key()
			return signer, err
		}
	}
	return key
}
