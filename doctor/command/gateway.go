package command

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/modules/transport"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// gateways returns the gateways that a reverse proxy sends calls to, and a result about
// the proxy itself.
func (t *trial) gateways(proxy map[string]any, followsClock bool) (doctor.Result, []doctor.Gateway) {
	const check = "proxy"
	if proxy == nil {
		return found("", check, doctor.Problem, "no reverse_proxy follows payermax, so no call would be sent",
			"write reverse_proxy https://pay-gate-uat.payermax.com { transport payermax } after it"), nil
	}
	upstreams, _ := proxy["upstreams"].([]any)
	if len(upstreams) == 0 {
		return found("", check, doctor.NotChecked, "the reverse_proxy has no fixed upstreams, so the gateway is only known when a call is made", ""), nil
	}
	options, _ := proxy["transport"].(map[string]any)
	name, _ := options["protocol"].(string)
	name = cmp.Or(name, "http")
	way, err := t.way(name, options)
	var gateways []doctor.Gateway
	for i, upstream := range upstreams {
		object, _ := upstream.(map[string]any)
		dial, _ := object["dial"].(string)
		g := way.gateway(dial)
		g.Backup, g.FollowsClock = i > 0, followsClock
		gateways = append(gateways, g)
	}
	var urls []string
	for _, g := range gateways {
		urls = append(urls, g.URL)
	}
	message := fmt.Sprintf("calls go to %s through transport %s", strings.Join(urls, ", then "), name)
	switch {
	case err != nil:
		return found("", check, doctor.Problem, fmt.Sprintf("transport %s: %v", name, err), "correct the transport's options"), gateways
	case name != "payermax":
		return found("", check, doctor.Warning, message+", which writes signatures to debug logs and may send a call twice", "write transport payermax, which has the same options"), gateways
	}
	return found("", check, doctor.OK, message, ""), gateways
}

// way is how a transport reaches its upstreams.
type way struct {
	*reverseproxy.HTTPTransport
	// via is the transport's config.
	via string
	// ports are the ports of the config's own sites.
	ports []string
	// unchecked is why this check cannot connect in the same way, or "".
	unchecked string
	// followsEnvironment is true if the transport uses a forward proxy that the environment
	// names.
	followsEnvironment bool
}

// way loads the transport with the given name.
func (t *trial) way(name string, config map[string]any) (way, error) {
	via, err := json.Marshal(config)
	if err != nil {
		return way{}, err
	}
	w := way{HTTPTransport: new(reverseproxy.HTTPTransport), via: string(via), ports: t.ports}
	if config["tls"] != nil {
		w.TLS = new(reverseproxy.TLSConfig) // so that the URLs are right even if loading fails
	}
	module, err := t.loadModule("http.reverse_proxy.transport."+name, without(config, "protocol"))
	if err != nil {
		w.unchecked = "the transport cannot be loaded; see proxy above"
		return w, err
	}
	switch loaded := module.(type) {
	case *transport.Transport:
		w.HTTPTransport = &loaded.HTTPTransport
	case *reverseproxy.HTTPTransport:
		w.HTTPTransport = loaded
	default:
		w.unchecked = "this check cannot examine transport " + name + ""
	}
	w.followsEnvironment = name != "payermax" && config["network_proxy"] == nil && w.ForwardProxyURL == ""
	if why := whyIndirect(w.followsEnvironment, config, w.HTTPTransport); why != "" {
		w.unchecked = why
	}
	return w, nil
}

// whyIndirect returns why a plain connection would not do what the transport does, or "".
func whyIndirect(followsEnvironment bool, config map[string]any, loaded *reverseproxy.HTTPTransport) string {
	proxy, _ := config["network_proxy"].(map[string]any)
	switch {
	case proxy != nil && proxy["from"] != "none", loaded.ForwardProxyURL != "":
		return "the transport uses a forward proxy, which this check does not"
	case followsEnvironment:
		return "transport http may use a proxy from the environment, which this check does not"
	case loaded.ProxyProtocol != "":
		return "the transport speaks the PROXY protocol, which this check does not"
	case len(loaded.Versions) == 1 && loaded.Versions[0] == "3":
		return "the transport speaks HTTP/3, which this check does not"
	}
	return ""
}

// gateway returns an upstream as a gateway.
func (w way) gateway(dial string) doctor.Gateway {
	g := doctor.Gateway{Via: w.via, Unchecked: w.unchecked, OwnResolver: w.Resolver != nil, FollowsEnvironment: w.followsEnvironment}
	dial = caddy.NewReplacer().ReplaceKnown(dial, "")
	address, err := caddy.ParseNetworkAddress(dial)
	if err != nil || address.IsUnixNetwork() || address.PortRangeSize() != 1 || strings.Contains(dial, "{") {
		g.URL = dial
		g.Unchecked = "this address cannot be checked: it is a socket, a range, or depends on the request"
		return g
	}
	port := strconv.FormatUint(uint64(address.StartPort), 10)
	scheme := "http"
	if w.TLS != nil && !slices.Contains(w.TLS.ExceptPorts, port) {
		scheme = "https"
	}
	g.URL = scheme + "://" + delivery.WithoutDefaultPort(net.JoinHostPort(address.Host, port), scheme)
	g.OwnSite = protocol.IsLoopback(address.Host) && slices.Contains(w.ports, port)
	g.Environment = protocol.EnvironmentAt(g.URL)
	if w.Transport != nil {
		g.Dial = w.dial
	}
	if scheme == "https" {
		g.TLS = new(tls.Config)
		if w.Transport != nil && w.Transport.TLSClientConfig != nil {
			g.TLS = w.Transport.TLSClientConfig.Clone()
		}
		g.TLS.ServerName = caddy.NewReplacer().ReplaceKnown(g.TLS.ServerName, "")
	}
	return g
}

// dial connects like the transport. The transport's own error does not say why there is
// no connection, so the cause is taken from a trace.
func (w way) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var cause atomic.Pointer[error]
	failed := func(err error) {
		if err != nil {
			cause.Store(&err)
		}
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone:     func(info httptrace.DNSDoneInfo) { failed(info.Err) },
		ConnectDone: func(_, _ string, err error) { failed(err) },
	})
	conn, err := w.Transport.DialContext(traced, network, address)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && cause.Load() != nil:
		return nil, *cause.Load()
	}
	return conn, err
}
