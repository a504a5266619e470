package protocol

// The names of PayerMax's environments. Each has keys of its own.
const (
	// UAT is the test environment.
	UAT = "uat"
	// Production is where payments are real.
	Production = "production"
)

// gatewayURLs are the addresses of the environments (docs: developer/api-desc).
var gatewayURLs = map[string]string{
	UAT:        "https://pay-gate-uat.payermax.com",
	Production: "https://pay-gate.payermax.com",
}

// GatewayURL returns the URL of an environment's gateway, without a path.
func GatewayURL(environment string) (url string, ok bool) {
	url, ok = gatewayURLs[environment]
	return url, ok
}

// EnvironmentAt returns the environment whose gateway has that URL, or "" if it is
// not PayerMax's.
func EnvironmentAt(url string) string {
	for name, known := range gatewayURLs {
		if known == url {
			return name
		}
	}
	return ""
}
