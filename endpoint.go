package payermax

import (
	"fmt"
	"slices"
	"strings"
)

// pathPrefix is where PayerMax's gateway has its endpoints, and where the
// application finds the sidecar's (docs: developer/api-desc).
const pathPrefix = "/aggregate-pay/api/gateway/"

// sessionEndpoint opens a Drop-In session. It is the one that is enabled unless
// the configuration says otherwise.
const sessionEndpoint = "applyDropinSession"

// endpoint is one call of PayerMax's gateway.
type endpoint struct {
	// name is the last segment of the path.
	name string
	// version is the API version declared unless the configuration names
	// another. Each endpoint has its own.
	version string
	// repeatable says that PayerMax may receive the call twice without harm,
	// because it moves no money and changes nothing that matters.
	repeatable bool
	// movesMoney says that the call has an amount to be paid, now or later.
	movesMoney bool
	// personal says that a success is for one user alone and names neither the
	// user nor the call. applyDDC's could be, but its members may all be null.
	personal bool
}

// endpoints are the calls of PayerMax's gateway, with the versions of its
// OpenAPI file of March 2026, or of the Drop-In pages where these are newer.
// orderConfirm is not among them: its envelope is another, of version 1.0.
var endpoints = []endpoint{
	// Drop-In.
	{name: sessionEndpoint, version: "1.5", repeatable: true, personal: true},
	{name: "orderAndPay", version: "1.5", movesMoney: true},
	{name: "orderQuery", version: "1.4", repeatable: true},
	{name: "refund", version: "1.4", movesMoney: true},
	{name: "refundQuery", version: "1.4", repeatable: true},
	{name: "capture", version: "1.4", movesMoney: true},
	{name: "cancel", version: "1.4"},

	// Other ways to pay.
	{name: "confirmPayment", version: "1.4", movesMoney: true},
	{name: "orderClose", version: "1.4"}, // version of the Java SDK, which alone has it
	{name: "applyDDC", version: "1.6"},
	{name: "createPaybylink", version: "1.1", movesMoney: true},
	{name: "queryPaybylink", version: "1.1", repeatable: true},
	{name: "expirePaybylink", version: "1.1"},

	// Tokens and subscriptions.
	{name: "applyToken", version: "1.4"}, // version of the Java SDK, which alone has it
	{name: "applyPaymentToken", version: "1.4"},
	{name: "InquireApplyRequest", version: "1.4", repeatable: true}, // with a capital I
	{name: "inquirePaymentToken", version: "1.2", repeatable: true},
	{name: "removePaymentToken", version: "1.2"},
	{name: "subscriptionCreate", version: "1.5", movesMoney: true},
	{name: "subscriptionQuery", version: "1.5", repeatable: true},
	{name: "subscriptionCancel", version: "1.5"},

	// Disputes and risk.
	{name: "caseSearch", version: "1.5", repeatable: true},
	{name: "caseReplay", version: "1.4"},
	{name: "addOrDelRiskNameList", version: "1.0"},
	{name: "putRfiMaterialList", version: "1.4"},

	// Payouts, balances and exchange.
	{name: "paymentOrderPay", version: "1.4", movesMoney: true},
	{name: "paymentOrderQry", version: "1.4", repeatable: true},
	{name: "paymentFieldValidation", version: "1.4", repeatable: true},
	{name: "currentBalanceQuery", version: "1.3", repeatable: true},
	{name: "dayEndBalanceQuery", version: "1.3", repeatable: true},
	{name: "quoteQuery", version: "1.2", repeatable: true},
	{name: "exchange", version: "1.1", movesMoney: true},
	{name: "exchangeQuery", version: "1.1", repeatable: true},
	{name: "queryClientExchangeRate", version: "1.2", repeatable: true},
}

// endpointGroups are the names that stand for several endpoints.
var endpointGroups = map[string][]string{
	"drop_in": {sessionEndpoint, "orderAndPay", "orderQuery", "refund", "refundQuery", "capture", "cancel"},
	"all":     allEndpoints(),
}

func allEndpoints() []string {
	names := make([]string, len(endpoints))
	for i, e := range endpoints {
		names[i] = e.name
	}
	return names
}

// path is where the endpoint is served, here and at the gateway.
func (e endpoint) path() string { return pathPrefix + e.name }

// lookupEndpoint returns the endpoint of that name, to the letter.
func lookupEndpoint(name string) (endpoint, bool) {
	i := slices.IndexFunc(endpoints, func(e endpoint) bool { return e.name == name })
	if i < 0 {
		return endpoint{}, false
	}
	return endpoints[i], true
}

// enabledEndpoints returns the endpoints that the configured names and groups
// stand for.
func enabledEndpoints(configured []string) ([]endpoint, error) {
	if len(configured) == 0 {
		configured = []string{sessionEndpoint}
	}
	var enabled []endpoint
	for _, name := range configured {
		members, isGroup := endpointGroups[name]
		if !isGroup {
			members = []string{name}
		}
		for _, member := range members {
			e, ok := lookupEndpoint(member)
			if !ok {
				return nil, fmt.Errorf("endpoints: %q is neither an endpoint nor a group; choose from drop_in, all, %s",
					name, strings.Join(allEndpoints(), ", "))
			}
			if !slices.Contains(enabled, e) {
				enabled = append(enabled, e)
			}
		}
	}
	return enabled, nil
}
