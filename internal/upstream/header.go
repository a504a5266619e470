package upstream

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// refuseMisplacedField refuses a header_up or header_down for a field that the sidecar sets
// itself: the change would be undone, and nobody would notice. The dispenser is at the name
// of the option.
func refuseMisplacedField(d *caddyfile.Dispenser) error {
	option := d.Val()
	if !d.NextArg() {
		return nil
	}
	field := fieldOf(d.Val())
	switch {
	case option == "header_up" && delivery.IsPinned(field):
		return d.Errf("header_up %s has no place here: the sidecar sets that field for each call, or leaves it out", field)
	case option == "header_down" && reply.IsOwn(field):
		return d.Errf("header_down %s has no place here: the sidecar sets that field of each answer after it has checked it", field)
	}
	return nil
}

// fieldOf returns the canonical name of the field that the first argument of header_up or
// header_down names. The argument may have a prefix that says how to change the field,
// and a colon at its end.
func fieldOf(argument string) string {
	return http.CanonicalHeaderKey(strings.TrimSuffix(strings.TrimLeft(argument, "+-?>"), ":"))
}

// upstreamHost is the placeholder that Caddy's documentation recommends for the Host
// header. It has no effect here, since the Host header is the upstream's host anyway.
const upstreamHost = "{http.reverse_proxy.upstream.hostport}"

// refuseForeignHost refuses a header_up that changes the Host header to anything but the
// host of a gateway. The header decides which gateway gets the call, also at an
// intermediary, such as a tunnel that a custom gateway URL leads to.
func refuseForeignHost(d *caddyfile.Dispenser, upstreams []string) error {
	d.Next()
	args := d.RemainingArgs()
	if len(args) == 0 || !changesHost(args) {
		return nil
	}
	allowed := hostsOf(upstreams)
	if host := hostSetBy(args); host == upstreamHost || slices.Contains(allowed, strings.TrimSuffix(strings.ToLower(host), ":443")) {
		return nil
	}
	return d.Errf("header_up has no place here for the Host header, which is the gateway's; it may only be set to %s", strings.Join(allowed, " or "))
}

// changesHost reports whether a header_up with these arguments changes the Host header. The
// names of fields to remove may have wildcards, and * replaces in all fields.
func changesHost(args []string) bool {
	field := fieldOf(args[0])
	if isRemoved := strings.HasPrefix(args[0], "-"); isRemoved && strings.Contains(field, "*") {
		matches, err := path.Match(strings.ToLower(field), "host")
		return err != nil || matches
	}
	return field == "Host" || field == "*" && len(args) > 2
}

// hostSetBy returns the value to which a header_up with these arguments sets the Host header
// regardless of its previous value, or "".
func hostSetBy(args []string) string {
	if len(args) != 2 || fieldOf(args[0]) != "Host" || strings.ContainsAny(args[0], "+-?") {
		return ""
	}
	return args[1]
}

// hostsOf returns the allowed Host headers: the hosts of the upstreams and, if the first
// upstream is not a gateway of PayerMax, the hosts of PayerMax's gateways.
func hostsOf(upstreams []string) []string {
	var hosts []string
	for _, upstream := range upstreams {
		if u, err := url.Parse(upstream); err == nil {
			hosts = append(hosts, strings.ToLower(u.Host))
		}
	}
	if protocol.EnvironmentAt(upstreams[0]) != "" {
		return hosts
	}
	for _, environment := range []string{protocol.Production, protocol.UAT} {
		known, _ := protocol.GatewayURL(environment)
		hosts = append(hosts, strings.TrimPrefix(known, "https://"))
	}
	return hosts
}
