package limits

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Caller is what one caller may have signed, within the limits for all callers.
type Caller struct {
	// The endpoints that this caller may call: names, `drop_in` or `all`. Default: all
	// that are enabled.
	Endpoints []string `json:"endpoints,omitempty"`

	Quota
}

// Allowance is a Caller that is ready to be enforced.
type Allowance struct {
	quota
	endpoints map[string]bool // nil if all
}

// open prepares the caller's allowance.
func (c Caller) open(id string, at Place) (*Allowance, error) {
	opened := new(Allowance)
	if len(c.Endpoints) > 0 {
		allowed, err := protocol.Select(c.Endpoints, grammar.Suggest)
		if err != nil {
			return nil, fmt.Errorf("endpoints: %w", err)
		}
		opened.endpoints = make(map[string]bool)
		for _, e := range allowed {
			isEnabled := slices.ContainsFunc(at.Enabled, func(other Endpoint) bool { return other.Name == e.Name })
			if !isEnabled && slices.Contains(c.Endpoints, e.Name) {
				return nil, fmt.Errorf("endpoints: %s is not enabled in this handler; add it to the handler's endpoints as well", e.Name)
			}
			opened.endpoints[e.Name] = true
		}
	}
	var err error
	isAllowed := func(e Endpoint) bool { return opened.endpoints == nil || opened.endpoints[e.Name] }
	opened.quota, err = c.Quota.open(id, at, slices.DeleteFunc(slices.Clone(at.Enabled), func(e Endpoint) bool { return !isAllowed(e) }))
	return opened, err
}

// Admit determines who calls, and whether that caller may call the endpoint. It returns nil
// if no callers are configured.
func (l *Enforced) Admit(endpoint string, repl *caddy.Replacer) (*Allowance, error) {
	if l == nil || l.callerID == "" {
		return nil, nil
	}
	// An unknown or empty placeholder identifies no caller.
	id, err := setting.Replace(repl, l.callerID, true, true)
	known, ok := l.callers[id]
	if err != nil || !ok {
		return nil, reply.Denied(ByCaller, "caller_id "+l.callerID, http.StatusForbidden, "CALLER_NOT_ALLOWED",
			"the sidecar does not know this caller; authenticate, or ask the operator to add it to callers")
	}
	if known.endpoints != nil && !known.endpoints[endpoint] {
		return nil, reply.Denied(ByEndpoint, "caller "+id+": endpoints", http.StatusForbidden, "CALLER_NOT_ALLOWED",
			endpoint+" is not an endpoint that this caller may use; the operator can add it")
	}
	return known, nil
}
