package payermax

// pathPrefix is where PayerMax's gateway has its endpoints, and where the
// application finds the sidecar's (docs: developer/api-desc).
const pathPrefix = "/aggregate-pay/api/gateway/"

// endpoint is one call of PayerMax's gateway.
type endpoint struct {
	// name is the last segment of the path.
	name string
	// version is the API version declared unless the configuration names
	// another. Each endpoint has its own.
	version string
	// repeatable says that PayerMax may receive the call twice without harm,
	// because it moves no money.
	repeatable bool
}

// endpoints are the calls that the sidecar signs.
var endpoints = []endpoint{
	{name: "applyDropinSession", version: "1.5", repeatable: true},
}

// path is where the endpoint is served, here and at the gateway.
func (e endpoint) path() string { return pathPrefix + e.name }
