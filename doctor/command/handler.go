package command

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// setup takes a config apart, and reports on the config as a whole.
func (t *trial) setup(name string, config configTree, describe Describe) (doctor.Setup, doctor.Report) {
	handlers := config.handlers()
	if len(handlers) == 0 {
		return doctor.Setup{}, doctor.Report{found(name, "config", doctor.Problem, "it has no payermax and no payermax_sign handler",
			"write a payermax block in a site")}
	}
	t.use(config)
	shared := sharedStores(config, handlers)
	notLoaded, loadError := t.tryConfig(config, handlers, len(shared) > 0)

	var setup doctor.Setup
	for _, module := range []string{layout.Sign, layout.Notify} {
		for _, h := range handlers {
			if h.module == module {
				setup.Handlers = append(setup.Handlers, t.handler(h, describe, loadError != nil))
			}
		}
	}
	numberNames(setup.Handlers)

	report := doctor.Report{found(name, "config", doctor.OK, "it can be read; "+countOf(handlers), "")}
	switch {
	case notLoaded != "":
		report = append(report, found(name, "load", doctor.NotChecked, notLoaded, ""))
	case loadError == nil:
		report = append(report, found(name, "load", doctor.OK, "Caddy loads it: all options are valid, including limits, contract and versions", ""))
	case slices.ContainsFunc(setup.Handlers, func(h doctor.Handler) bool { return h.LoadError != nil }):
		report = append(report, found(name, "load", doctor.Problem, "Caddy cannot load it, for the reasons below", ""))
	default:
		report = append(report, found(name, "load", doctor.Problem, doctor.Discreet(loadError.Error()), "correct the config; caddy validate shows the same"))
	}
	report = append(report, t.describeStores(name, shared)...)
	report = append(report, config.describeAdmin(name)...)
	report = append(report, config.describePlaceholders(name)...)
	report = append(report, config.describeConfinement(name)...)
	report = append(report, config.describeCallers(name)...)
	report = append(report, config.describeStorage(name, os.TempDir(), caddy.AppDataDir())...)
	report = append(report, config.describePrivilege(name, firstOpenPort())...)
	report = append(report, config.describeSockets(name)...)
	if !t.offline {
		report = append(report, config.describePorts(t.ctx, name)...)
	}
	return setup, append(report, config.describeSandboxes(name, setup.Handlers)...)
}

// tryConfig loads the whole config, unless that needs the network and --offline forbids
// it.
func (t *trial) tryConfig(config configTree, handlers []foundHandler, hasSharedStore bool) (notLoaded string, err error) {
	if t.offline && hasSharedStore {
		return "loading the config connects to the shared store, which --offline does not allow", nil
	}
	if t.offline && slices.ContainsFunc(handlers, foundHandler.hasDistantKey) {
		return "loading the config asks the source of a key that is not in a file, which --offline does not allow", nil
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
			key, isObject := merchant[name].(map[string]any)
			if !isObject {
				continue
			}
			if _, isInFile := key["path"]; !isInFile && key["source"] != doctor.SourceFile {
				return true
			}
		}
	}
	return false
}

// countOf says how many handlers there are, by kind.
func countOf(handlers []foundHandler) string {
	counts := make(map[string]int)
	for _, h := range handlers {
		counts[h.module]++
	}
	text := fmt.Sprintf("handlers that sign: %d", counts[layout.Sign])
	if verifying := counts[layout.Notify]; verifying > 0 {
		text += fmt.Sprintf("; that verify notifications: %d", verifying)
	}
	return text
}

// numberNames makes the names of handlers unique by adding numbers.
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

// handler takes one handler apart. If the config does not load, the handler is loaded
// alone, to find out whether it is the reason.
func (t *trial) handler(f foundHandler, describe Describe, broken bool) doctor.Handler {
	described := doctor.Handler{Name: f.name()}
	if broken {
		_, described.LoadError = t.loadModule("http.handlers."+f.module, without(f.config, "handler"))
	}
	if f.module == layout.Notify {
		described.Verifies = f.config["sandbox"] != true // the sandbox's key is not in a file
		described.Found = f.describeNotify()
		for _, path := range layout.Texts(f.config["gateway_public_keys"]) {
			described.GatewayPublicKeys = append(described.GatewayPublicKeys, Expand("gateway_public_key", path, 0, false))
		}
		return described
	}

	raw, err := json.Marshal(without(f.config, "handler"))
	if err != nil {
		return described
	}
	signing, err := describe(t.ctx, raw)
	if err != nil {
		return described // loading it has failed, too
	}
	described.Sandbox = signing.Sandbox
	described.Found = append(described.Found, f.describeSandbox(signing)...)
	described.Found = append(described.Found, f.describeListener(signing)...)
	described.Found = append(described.Found, f.describePlace(signing.Paths)...)
	described.Found = append(described.Found, f.describeAccessLog(signing.Shadow)...)
	if !signing.Sandbox {
		var result doctor.Result
		result, described.Gateways = t.gateways(f.proxy, signing.FollowsClock)
		described.Found = append(described.Found, result)
	}
	times := f.times(signing.Timeout)
	described.Found = append(described.Found, signing.settings())
	described.Found = append(described.Found, signing.callers()...)
	described.Found = append(described.Found, times.check())
	described.Found = append(described.Found, times.checkTermination(t.termination)...)
	for _, m := range signing.Merchants {
		described.Merchants = append(described.Merchants, t.merchant(described.Name, m))
	}
	return described
}

// merchant prepares the merchant of a handler for the report. A key that is not in a file
// is loaded only if the network may be used.
func (t *trial) merchant(handler string, m doctor.Merchant) doctor.Merchant {
	m.Name = handler + m.Name
	for _, key := range []*doctor.Key{m.Key, m.NextKey} {
		switch {
		case key == nil || key.Load == nil:
		case t.offline:
			key.Load = nil
		default:
			key.Load = discreetly(key.Load, "payermax.keys."+key.Source)
		}
	}
	return m
}

// discreetly returns a function that loads a key and keeps only the part of its error
// after the module's name.
func discreetly(load func() (crypto.Signer, error), module string) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) {
		key, err := load()
		if err != nil {
			return nil, errors.New(innermost(err, module))
		}
		return key, nil
	}
}

// describeNotify reports for whom notifications are accepted, and which requests bypass
// the verification.
func (f foundHandler) describeNotify() []doctor.Result {
	var results []doctor.Result
	appIDs, merchantNos := layout.Texts(f.config["app_ids"]), layout.Texts(f.config["merchant_nos"])
	if f.config["sandbox"] == true {
		results = append(results, found("", "gateway public key", doctor.Warning,
			"it is the key of the sandbox in the sidecar's own process, so PayerMax's notifications are refused",
			"for PayerMax, write gateway_public_key instead of sandbox"))
	} else if len(appIDs)+len(merchantNos) == 0 {
		results = append(results, found("", "merchant", doctor.Warning, notify.ForAnybody.Message, notify.ForAnybody.Next))
	}
	results = append(results, f.describeAddressees("app_id", appIDs, envelope.MaxAppID)...)
	results = append(results, f.describeAddressees("merchant_no", merchantNos, envelope.MaxMerchantNo)...)
	for _, way := range f.waysPast {
		results = append(results, found("", "placement", doctor.Warning, way.Message, way.Next))
	}
	return results
}

// describeAddressees reports the values of an option, and which of them are still those
// of an example.
func (f foundHandler) describeAddressees(name string, configured []string, maxLength int) []doctor.Result {
	if len(configured) == 0 {
		return nil
	}
	values, err := setting.ExpandAll(name, configured, maxLength, caddy.NewReplacer())
	if err != nil {
		return []doctor.Result{found("", name, doctor.Problem, strings.TrimPrefix(err.Error(), name+": "), "")}
	}
	results := []doctor.Result{found("", name, doctor.OK, "accepts notifications for "+strings.Join(values, ", "), "")}
	for _, value := range values {
		if doubt, next := protocol.DoubtAboutIdentity(value); doubt != "" && f.config["sandbox"] != true {
			results = append(results, found("", name, doctor.Warning, value+" "+doubt, next))
		}
	}
	return results
}
