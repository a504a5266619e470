package delivery

import (
	"net"
	"strings"
)

// WithoutDefaultPort removes the port if it is the scheme's default, as clients other than
// proxies do.
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
