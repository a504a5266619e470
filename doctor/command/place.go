package command

import (
	"strings"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// describePlace reports why calls do not reach a handler that signs, although Caddy loads
// the config. paths are the paths that the handler signs.
func (f foundHandler) describePlace(paths []string) []doctor.Result {
	var results []doctor.Result
	for _, m := range f.place.Doubts(paths) {
		results = append(results, found("", "placement", doctor.Warning, m.Message, m.Next))
	}
	if f.becomesHTTPS {
		results = append(results, found("", "placement", doctor.Warning,
			"Caddy serves "+strings.Join(f.hosts, " and ")+" over HTTPS, because the site has a host name and no scheme; for a name of this machine, Caddy creates a CA and tries to install its root certificate; for every name, it also listens on port 80 to redirect",
			chooseScheme))
	}
	if f.hasNoCertificate() {
		results = append(results, found("", "placement", doctor.Problem,
			"Caddy speaks TLS here, because the site has no http:// before its address, but auto_https off keeps it from obtaining a certificate, so every connection fails",
			chooseScheme))
	}
	return results
}

// chooseScheme is the remedy for a site that speaks TLS because it has a host and no scheme.
const chooseScheme = "write http:// before the address, or leave the host out, as in :8080; if you want HTTPS, name a certificate with tls"

// hasNoCertificate reports whether the handler's server speaks TLS, and the config gives it no
// certificate.
func (f foundHandler) hasNoCertificate() bool {
	automatic, _ := f.place.Server["automatic_https"].(map[string]any)
	return f.place.OverTLS && f.whole.at("apps", "tls") == nil && (automatic["disable"] == true || automatic["disable_certificates"] == true)
}
