package command

import (
	"strings"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// describePlace says why calls do not come to a handler that signs, though Caddy loads
// the config. paths are those that it signs.
func (f foundHandler) describePlace(paths []string) []doctor.Result {
	var results []doctor.Result
	for _, m := range f.place.Doubts(paths) {
		results = append(results, found("", "placement", doctor.Warning, m.Message, m.Next))
	}
	if f.becomesHTTPS {
		results = append(results, found("", "placement", doctor.Warning,
			"Caddy serves "+strings.Join(f.hosts, " and ")+" by HTTPS, since the site has a host name and says nothing else; for a name of this machine it makes a CA and tries to install its root certificate, and for any it listens on port 80 as well, to redirect",
			"write http:// before the address, or leave the host out, as in :8080; if HTTPS is meant, name a certificate with tls"))
	}
	return results
}
