package delivery

import (
	"net"
	"strings"
)

// WithoutDefaultPort removes the port that the scheme implies anyway, as
// clients other than proxies send it.
func WithoutDefaultPort(hostport, scheme string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || !(port == "443" && scheme == "https" || port == "80" && scheme == "http") {
		return hostport
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
