package command

import (
	"cmp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/embedded"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// describeSandbox reports options that do not belong next to the embedded sandbox. The
// check of the gateway reports that the sandbox answers.
func (f foundHandler) describeSandbox(s *Signing) []doctor.Result {
	if !s.Sandbox {
		return nil
	}
	var results []doctor.Result
	if len(s.Credentials) > 0 {
		results = append(results, found("", "sandbox", doctor.Warning, "a merchant's "+strings.Join(s.Credentials, ", ")+" are configured with the sandbox, so its answers may be mistaken for PayerMax's",
			"for PayerMax, write gateway uat or gateway production; for the sandbox, use names and keys that belong to no merchant"))
	}
	if f.place.IsBeforeGateway() {
		results = append(results, found("", "sandbox", doctor.Warning, "a reverse_proxy for calls to PayerMax follows the sandbox, and no call reaches it",
			`for calls to PayerMax, remove gateway sandbox (in JSON, "sandbox": true); otherwise remove the reverse_proxy`))
	}
	return results
}

// describeSandboxes reports which of the config's sites are sandboxes, and whether the
// handlers that verify notifications match them.
func (c configTree) describeSandboxes(name string, described []doctor.Handler) []doctor.Result {
	var results []doctor.Result
	for _, site := range c.find(layout.Sandbox) {
		results = append(results, found(site.name(), "sandbox", doctor.Warning, "a sandbox answers here, so no call to it reaches PayerMax",
			"remove it from production configurations"))
	}
	halves := c.halves()
	halves.Merchants = merchantsOfSandboxes(described)
	if message, next := halves.Mismatch(); message != "" {
		results = append(results, found(name, "sandbox", doctor.Warning, message, next))
	}
	return results
}

// halves returns which halves of a setup with the embedded sandbox the config has:
// handlers that sign, and handlers that verify.
func (c configTree) halves() (h embedded.Halves) {
	for _, handler := range c.handlers() {
		isSandbox := handler.config["sandbox"] == true
		switch {
		case handler.module == layout.Sign && isSandbox:
			h.Sandboxes++
		case handler.module == layout.Notify && isSandbox:
			h.Verifying = append(h.Verifying, handler.addressees())
		case handler.module == layout.Notify:
			h.ByFile++
		}
	}
	return h
}

// addressees returns for whom a handler accepts notifications. Values that cannot be
// expanded are reported elsewhere.
func (f foundHandler) addressees() (a embedded.Addressees) {
	repl := caddy.NewReplacer()
	a.AppIDs, _ = setting.ExpandAll("app_id", layout.Texts(f.config["app_ids"]), envelope.MaxAppID, repl)
	a.MerchantNos, _ = setting.ExpandAll("merchant_no", layout.Texts(f.config["merchant_nos"]), envelope.MaxMerchantNo, repl)
	return a
}

// merchantsOfSandboxes returns the merchants that the embedded sandboxes know. Without a
// configured appId, a merchant has that of PayerMax's examples.
func merchantsOfSandboxes(described []doctor.Handler) []embedded.Merchant {
	var all []embedded.Merchant
	for _, handler := range described {
		for _, m := range handler.Merchants {
			if handler.Sandbox {
				all = append(all, embedded.Merchant{AppID: cmp.Or(m.AppID.Value, protocol.ExampleAppID), MerchantNo: m.MerchantNo.Value})
			}
		}
	}
	return all
}
