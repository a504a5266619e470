package payermax

import (
	"cmp"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// The values of Handler.Validation: what happens to a request that breaks a rule.
const (
	validationStrict = "strict"
	validationWarn   = "warn"
	validationOff    = "off"
)

var validations = []string{validationStrict, validationWarn, validationOff}

// Contract is what a merchant's contract with PayerMax covers. An empty list covers
// anything.
type Contract struct {
	// Currencies by their ISO 4217 codes, such as `IDR`.
	Currencies []string `json:"currencies,omitempty"`

	// Countries by their ISO 3166-1 alpha-2 codes, such as `ID`.
	Countries []string `json:"countries,omitempty"`

	// Payment components of Drop-In, such as `CARD` and `APPLEPAY`.
	Components []string `json:"components,omitempty"`
}

// limits converts the contract to the type that the rules take. A nil contract covers
// anything.
func (c *Contract) limits() validate.Contract {
	if c == nil {
		return validate.Contract{}
	}
	return validate.Contract(*c)
}

// route is an enabled endpoint, as this handler serves it.
type route struct {
	// Endpoint.Version is the version to declare: the configured one, or the endpoint's
	// default.
	protocol.Endpoint
	rules *validate.RuleSet // nil if there are no rules for the endpoint
	// rulesOf is the version that the rules are for, or "" if it is the declared one.
	rulesOf string
	// identifying are the fields by which an answer can identify the call that it is for.
	identifying envelope.Names
}

// expandVersions returns the configured API versions, by endpoint.
func (h *Handler) expandVersions(repl *caddy.Replacer) (map[string]string, error) {
	versions := make(map[string]string, len(h.Versions))
	for name, configured := range h.Versions {
		if _, ok := protocol.Lookup(name); !ok {
			if meant := endpointMeant(name); meant != "" {
				return nil, fmt.Errorf("version: there is no endpoint %q; did you mean %s?", name, meant)
			}
			return nil, fmt.Errorf("version: there is no endpoint %q", name)
		}
		var version string
		if err := (setting.Option{Name: "version", Value: configured, MaxLength: envelope.MaxVersion, Target: &version}).Expand(repl, false); err != nil {
			return nil, err
		}
		versions[name] = version
	}
	return versions, nil
}

// enabledRoutes returns the routes of the enabled endpoints, by path.
func (h *Handler) enabledRoutes() (map[string]route, error) {
	names := h.Endpoints
	if len(names) == 0 {
		names = []string{protocol.SessionEndpoint}
	}
	enabled, err := protocol.Select(names, grammar.Suggest)
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w%s", err, grammar.Unexpanded(names...))
	}
	versions, err := h.expandVersions(caddy.NewReplacer())
	if err != nil {
		return nil, err
	}
	if err := h.Contract.limits().Check(); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	routes := make(map[string]route, len(enabled))
	for _, e := range enabled {
		e.Version = cmp.Or(versions[e.Name], e.Version)
		r := route{Endpoint: e, identifying: envelope.NewNames(e.Identifying()...)}
		if rules, of, ok := validate.Nearest(e.Name, e.Version); ok {
			r.rules = rules.Within(h.Contract.limits())
			if of != e.Version {
				r.rulesOf = of
			}
		}
		routes[e.Path()] = r
	}
	return routes, nil
}

// tellNearestRules logs the endpoints whose requests are validated by another version's
// rules.
func (h *Handler) tellNearestRules() {
	for _, r := range h.routes {
		if r.rulesOf != "" && h.Validation != validationOff {
			h.logger.Warn("there are no rules for this version of the API; the rules of the nearest version apply to requests",
				zap.String("payermax.endpoint", r.Name), zap.String("version", r.Version), zap.String("rules", r.rulesOf))
		}
	}
}
