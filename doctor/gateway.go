package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Gateway is a host that calls go to.
type Gateway struct {
	// URL is the gateway's URL, such as "https://pay-gate-uat.payermax.com", without user
	// and password.
	URL string
	// Via is any text that distinguishes gateways with the same URL that the sidecar reaches
	// in different ways.
	Via string
	// Environment is PayerMax's name for it, such as [protocol.UAT], or "" for
	// another host.
	Environment string
	// Backup is true if the gateway is only used when the first one fails.
	Backup bool
	// Unchecked is why the gateway cannot be checked from here, or "".
	Unchecked string
	// OwnSite is true if the gateway is a site of the configuration itself, so that it may
	// not exist before the sidecar runs.
	OwnSite bool
	// OwnResolver is true if the sidecar resolves the gateway's name with servers other than
	// the system's.
	OwnResolver bool
	// FollowsClock is true if requestTime follows the gateway's clock.
	FollowsClock bool
	// FollowsEnvironment is true if the environment may name a forward proxy to the gateway.
	FollowsEnvironment bool
	// TLS is the configuration that the sidecar would connect with; nil means plain HTTP.
	TLS *tls.Config
	// Dial connects like the sidecar; nil means an ordinary dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// The timeouts of the steps.
const (
	lookupTimeout    = 5 * time.Second
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	answerTimeout    = 15 * time.Second
)

// gatewayID identifies a gateway and the way to it.
type gatewayID struct{ url, via string }

func (g Gateway) id() gatewayID { return gatewayID{g.URL, g.Via} }

// host returns the gateway's host name or address, without the port.
func (g Gateway) host() string { return g.parsed().Hostname() }

// address returns the host and port to connect to.
func (g Gateway) address() string {
	u := g.parsed()
	port := u.Port()
	if port == "" && u.Scheme == "http" {
		port = "80"
	} else if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (g Gateway) parsed() *url.URL {
	u, err := url.Parse(g.URL)
	if err != nil {
		return new(url.URL)
	}
	return u
}

// connect opens a TCP connection.
func (g Gateway) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if g.Dial != nil {
		return g.Dial(ctx, "tcp", g.address())
	}
	return new(net.Dialer).DialContext(ctx, "tcp", g.address())
}

// clientTLS returns the TLS configuration to connect with.
func (g Gateway) clientTLS() *tls.Config {
	config := g.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName = g.host()
	}
	if config.MinVersion < tls.VersionTLS12 {
		config.MinVersion = tls.VersionTLS12
	}
	config.NextProtos = nil // HTTP/1.1 is enough
	return config
}

// client returns a client that connects only to this gateway, like the sidecar would, and
// follows no redirects.
func (g Gateway) client() *http.Client {
	transport := &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return g.connect(ctx) },
		TLSHandshakeTimeout:    handshakeTimeout,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if g.TLS != nil {
		transport.TLSClientConfig = g.clientTLS()
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkEnvironment reports which gateway it is.
func checkEnvironment(g Gateway) Result {
	const name = "gateway"
	backup := ""
	if g.Backup {
		backup = ", the backup"
	}
	switch g.Environment {
	case protocol.UAT:
		return ok(name, "PayerMax's test environment (uat)%s; its keys differ from those of production", backup)
	case protocol.Production:
		return ok(name, "PayerMax's production environment%s; payments are real, and its keys differ from those of uat", backup)
	}
	if doubt := protocol.DoubtAbout(g.host()); doubt != "" {
		return warning(name, "%s%s is probably a mistake: %s", g.host(), backup, doubt).
			then("write gateway uat or gateway production, unless calls must really go to this host")
	}
	return ok(name, "a host of your own choice%s, which is neither PayerMax's uat nor its production", backup)
}

// allowList returns what else to do if PayerMax's test environment does not answer. It
// accepts only the IP addresses that the merchant has registered, and a sidecar on
// another host than the application has a different one.
func (g Gateway) allowList() string {
	if g.Environment != protocol.UAT {
		return ""
	}
	return "; PayerMax's test environment answers only registered IP addresses, so give PayerMax the public address of this machine's calls"
}

// checkNetwork connects to the gateway step by step, and reports whether a call
// could be sent.
func checkNetwork(ctx context.Context, g Gateway) (results []Result, reached bool) {
	if g.Unchecked != "" {
		return []Result{notChecked("connection", "%s", g.Unchecked)}, false
	}
	address := checkAddress(ctx, g, net.DefaultResolver.LookupNetIP)
	results = append(results, address)
	if address.Outcome == Problem {
		return results, false
	}
	conn, connection := checkConnection(ctx, g)
	results = append(results, connection)
	if conn == nil {
		return results, false
	}
	defer conn.Close()
	encryption := checkTLS(ctx, g, conn)
	results = append(results, encryption)
	if encryption.Outcome == Problem {
		return results, false
	}
	clock, header := checkClock(ctx, g)
	if g.TLS == nil && clock.Outcome == NotChecked && speaksTLS(ctx, g) {
		results[len(results)-1] = problem(encryption.Check, "plain text is configured, but the port speaks TLS and does not answer plain text").
			then("write https:// in the gateway's URL, or name the port for plain http")
		return results, false
	}
	return append(append(results, clock), checkWhoAnswers(header)...), true
}

// sandboxServer is the Server header of a sandbox.
const sandboxServer = "payermax-sandbox"

// checkWhoAnswers warns if the header of an answer is that of a sandbox.
func checkWhoAnswers(header http.Header) []Result {
	if header.Get("Server") != sandboxServer {
		return nil
	}
	return []Result{warning("sandbox", "a sandbox answers there, and no call to it reaches PayerMax").
		then("for PayerMax, write gateway uat or gateway production")}
}

// checkAddress resolves the gateway's name.
func checkAddress(ctx context.Context, g Gateway, lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)) Result {
	const name = "address"
	if g.OwnResolver {
		return notChecked(name, "the transport has its own resolver, which is used for the connection")
	}
	if _, err := netip.ParseAddr(g.host()); err == nil {
		return ok(name, "the gateway is an address, so no name is resolved")
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addresses, err := lookup(ctx, "ip", g.host())
	if err != nil {
		return problem(name, "%s", lookupFailure(err)).
			then("%s", nextAfterLookup(err, g.host(), "/etc/resolv.conf"))
	}
	const enough = 4
	var listed []string
	for _, address := range addresses[:min(len(addresses), enough)] {
		listed = append(listed, address.Unmap().String())
	}
	if more := len(addresses) - len(listed); more > 0 {
		listed = append(listed, counted(more, "other"))
	}
	return ok(name, "%s", strings.Join(listed, ", "))
}

// checkConnection connects to the gateway. The connection is nil if there is
// none.
func checkConnection(ctx context.Context, g Gateway) (net.Conn, Result) {
	const name = "connection"
	began := time.Now()
	conn, err := g.connect(ctx)
	if g.OwnSite && errors.Is(err, syscall.ECONNREFUSED) {
		return nil, notChecked(name, "the gateway is a site of this config, which is not running now")
	}
	if err != nil {
		if protocol.IsLoopback(g.host()) && errors.Is(err, syscall.ECONNREFUSED) {
			return nil, problem(name, "refused: nothing listens on %s", g.address()).
				then("start what should listen there, such as caddy payermax-sandbox")
		}
		return nil, problem(name, "%s", connectFailure(err)).
			then("allow connections from the sidecar's machine to %s: check firewall, NetworkPolicy and routes%s", g.address(), g.allowList())
	}
	return conn, ok(name, "TCP to %s in %s", conn.RemoteAddr(), rounded(time.Since(began)))
}

// schemeHint suggests https if a plain request may have reached a port that speaks TLS:
// most servers answer such a request.
func (g Gateway) schemeHint() string {
	if strings.HasPrefix(g.URL, "http://") {
		return ", which must begin with https:// if the port speaks TLS"
	}
	return ""
}

// proxyVariables reports whether the environment variables for a forward proxy take
// effect.
func proxyVariables(names []string, follows bool) Result {
	const check, network = "proxy variables", "network_proxy url {file.PATH} or {env.NAME}"
	if follows {
		return warning(check, "%s set, and transport http uses the proxy of the environment", isOrAre(names)).
			then("write transport payermax, which ignores the environment; if that proxy is the only way out, add " + network)
	}
	return ok(check, "%s set, but ignored: environment variables do not decide where payments go", isOrAre(names)).
		then("if that proxy is the only way out, name it in the payermax block: transport http { " + network + " }")
}

// followEnvironment reports whether any gateway may be reached through a proxy that the
// environment names.
func followEnvironment(handlers []Handler) bool {
	return slices.ContainsFunc(handlers, func(h Handler) bool {
		return slices.ContainsFunc(h.Gateways, func(g Gateway) bool { return g.FollowsEnvironment })
	})
}

func isOrAre(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, " and ") + " are"
}
