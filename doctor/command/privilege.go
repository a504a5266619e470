package command

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// firstOpenPort returns the lowest port that this process may listen on, according to
// Linux. It is 0 for a process with the capability NET_BIND_SERVICE, and on systems
// without this rule.
func firstOpenPort() uint {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return 0
	}
	return openPortOf(string(status), string(start))
}

// openPortOf is firstOpenPort with the contents of the two files.
func openPortOf(status, start string) uint {
	const netBindService = 10 // linux/capability.h
	for line := range strings.Lines(status) {
		text, isEffective := strings.CutPrefix(line, "CapEff:")
		if !isEffective {
			continue
		}
		effective, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		if err != nil || effective&(1<<netBindService) != 0 {
			return 0
		}
	}
	first, err := strconv.ParseUint(strings.TrimSpace(start), 10, 16)
	if err != nil {
		return 0
	}
	return uint(first)
}

// describePrivilege reports which ports of the config are below the first one that this
// user may listen on. A service manager may grant the sidecar more than this user has.
func (c configTree) describePrivilege(name string, first uint) []doctor.Result {
	const check, capability = "port", "give the sidecar the capability NET_BIND_SERVICE"
	var results []doctor.Result
	ports := c.tcpPorts()
	for _, port := range ports {
		if port < first {
			results = append(results, found(name, check, doctor.Warning,
				fmt.Sprintf("the user that runs this check may not listen on port %d: it is below %d", port, first),
				fmt.Sprintf("%s, or give the site port %d or higher", capability, first)))
		}
	}
	if port := c.httpPort(); port < first && c.redirects() && !slices.Contains(ports, port) {
		results = append(results, found(name, check, doctor.Warning,
			fmt.Sprintf("Caddy also listens on port %d, to redirect HTTP to HTTPS, which the user that runs this check may not do: it is below %d", port, first),
			fmt.Sprintf("write auto_https disable_redirects in the global options, or http_port with port %d or higher, or %s", first, capability)))
	}
	return results
}

// tcpPorts returns the ports that the config's servers open, in order.
func (c configTree) tcpPorts() []uint {
	var ports []uint
	for _, server := range c.servers() {
		for _, address := range addressesOf(layout.Texts(server["listen"])) {
			if !address.IsUnixNetwork() && !address.IsFdNetwork() && address.StartPort != 0 {
				ports = append(ports, address.StartPort)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// redirects reports whether Caddy also opens its HTTP port, to redirect to a server that
// speaks TLS.
func (c configTree) redirects() bool {
	return slices.ContainsFunc(c.servers(), func(server map[string]any) bool {
		automatic, _ := server["automatic_https"].(map[string]any)
		return automatic["disable"] != true && automatic["disable_redirects"] != true && c.speaksTLS(server)
	})
}

// speaksTLS reports whether a server speaks TLS: it has TLS connection policies or, with
// automatic HTTPS, has hosts or listens on the HTTPS port only. On the HTTP port, no server
// does.
func (c configTree) speaksTLS(server map[string]any) bool {
	automatic, _ := server["automatic_https"].(map[string]any)
	policies, _ := server["tls_connection_policies"].([]any)
	listen := layout.Texts(server["listen"])
	switch {
	case onlyOn(c.httpPort(), listen):
		return false
	case len(policies) > 0:
		return true
	}
	return automatic["disable"] != true &&
		(onlyOn(c.portOption("https_port", caddyhttp.DefaultHTTPSPort), listen) || layout.HasHosts(server, layout.Texts(automatic["skip"])))
}

// onlyOn reports whether all addresses have the given port or are Unix sockets.
func onlyOn(port uint, listen []string) bool {
	return !slices.ContainsFunc(addressesOf(listen), func(address caddy.NetworkAddress) bool {
		return !address.IsUnixNetwork() && address.StartPort != port
	})
}

// httpPort returns the port on which Caddy speaks HTTP by default.
func (c configTree) httpPort() uint { return c.portOption("http_port", caddyhttp.DefaultHTTPPort) }

// portOption returns an option of the HTTP app that is a port. otherwise is its default.
func (c configTree) portOption(name string, otherwise uint) uint {
	if number, err := strconv.ParseUint(fmt.Sprint(c.at("apps", "http", name)), 10, 16); err == nil {
		return uint(number)
	}
	return otherwise
}
