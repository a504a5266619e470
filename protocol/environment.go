package protocol

import (
	"maps"
	"slices"
	"strings"
)

// The names of PayerMax's environments. Each has its own keys.
const (
	// UAT is the test environment.
	UAT = "uat"
	// Production is the environment with real payments.
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

// EnvironmentAt returns the environment whose gateway has that URL, or "" if the URL is not
// that of a PayerMax gateway.
func EnvironmentAt(url string) string {
	for name, known := range gatewayURLs {
		if known == url {
			return name
		}
	}
	return ""
}

// domain is the domain of PayerMax's own hosts.
const domain = "payermax.com"

// DoubtAbout says why calls are probably not meant to go to a host: it is almost the gateway
// of an environment, or it is a host of PayerMax that is not a gateway, such as that of its
// documentation. It returns "" for the gateways themselves, and for all other hosts.
func DoubtAbout(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	environments := slices.Sorted(maps.Keys(gatewayURLs))
	for _, environment := range environments {
		if gatewayURLs[environment] == "https://"+host {
			return ""
		}
	}
	for _, environment := range environments {
		if known := strings.TrimPrefix(gatewayURLs[environment], "https://"); isSlipOf(host, known) {
			return "it is almost " + known + ", which is PayerMax's " + environment
		}
	}
	if host == domain || strings.HasSuffix(host, "."+domain) {
		return "it is a host of PayerMax's, but neither the gateway of uat nor that of production"
	}
	return ""
}

// isSlipOf reports whether a host differs from another in no more than two adjacent letters,
// such as two that are swapped.
func isSlipOf(host, known string) bool {
	const slip = 2
	if host == known || len(host) > len(known)+slip {
		return false
	}
	same := 0
	for same < min(len(host), len(known)) && host[same] == known[same] {
		same++
	}
	ahead := same
	for same < min(len(host), len(known)) && host[len(host)-1-(same-ahead)] == known[len(known)-1-(same-ahead)] {
		same++
	}
	return same >= len(known)-slip
}
