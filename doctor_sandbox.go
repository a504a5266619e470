package payermax

import (
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// describeSandbox says what stands beside the embedded sandbox that does not
// belong there. That the sandbox answers is said where the gateway is checked.
func (f foundHandler) describeSandbox(h *Handler) []doctor.Result {
	if !h.Sandbox {
		return nil
	}
	var results []doctor.Result
	if named := h.credentialsOfAll(); len(named) > 0 && h.SandboxWithCredentials {
		results = append(results, found("", "sandbox", doctor.Warning, "a merchant's "+strings.Join(named, ", ")+" stand beside the sandbox, so somebody may take it for PayerMax",
			"for PayerMax, write gateway uat or gateway production; for the sandbox, use names and keys that are nobody's"))
	}
	if f.proxy != nil {
		results = append(results, found("", "sandbox", doctor.Warning, "a reverse_proxy comes after the sandbox, and no call ever gets there",
			`remove "sandbox": true if calls are for PayerMax, or else the reverse_proxy`))
	}
	return results
}

// credentialsOfAll names the credentials of all merchants, each once.
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

// describeSandboxes says of the config's sites which are sandboxes.
func (c configTree) describeSandboxes() []doctor.Result {
	var results []doctor.Result
	for _, site := range c.find(layout.Sandbox) {
		results = append(results, found(site.name(), "sandbox", doctor.Warning, "a sandbox answers here, and no call to it reaches PayerMax",
			"remove it from the configuration of production"))
	}
	return results
}
