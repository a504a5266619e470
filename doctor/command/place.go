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
			"write http:// before the address, or leave the host out, as in :8080; if you want HTTPS, name a certificate with tls"))
	}
	return results
}
