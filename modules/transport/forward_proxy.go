package transport

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// errNotAProxy does not quote the URL, which may contain a password.
var errNotAProxy = cause.Misconfigured("network_proxy: its value, which is not repeated here, is not the URL of a forward proxy; " +
	"expected one such as http://proxy.example:3128 or socks5://proxy.example:1080, with the special characters of a password percent-encoded")

// proxies are the modules that choose a forward proxy.
var proxies = grammar.Guests{Namespace: "caddy.network_proxy", Key: "from", Elsewhere: "for the URL of a proxy, write url before it"}

// proxySchemes are the schemes that net/http can connect through. It treats any other as
// http.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// checkNamed refuses a network_proxy that does not begin with the name of a module, for
// example one that is only a URL.
func checkNamed(d *caddyfile.Dispenser) error {
	d.Next() // consume the transport's name
	for d.NextBlock(0) {
		option := caddyfile.NewDispenser(d.NextSegment())
		option.Next()
		if option.Val() != "network_proxy" || !option.NextArg() {
			continue
		}
		if err := proxies.Check(option.Val()); err != nil {
			return option.Errf("network_proxy: %w", err)
		}
	}
	return nil
}

// configuredProxy returns the URL of the forward proxy as configured, with placeholders
// unexpanded. ok is false if there is none, or if another module chooses it.
func (t *Transport) configuredProxy() (configured string, ok bool) {
	if t.ForwardProxyURL != "" {
		return t.ForwardProxyURL, true
	}
	var named struct{ From, URL string }
	if json.Unmarshal(t.NetworkProxyRaw, &named) != nil || named.From != "url" {
		return "", false
	}
	return named.URL, true
}

// checkProxy refuses a URL if it is already certain, when the config is loaded, that no call
// can go through it.
func checkProxy(configured string) error {
	known := caddy.NewReplacer().ReplaceKnown(configured, "")
	if strings.Contains(known, "{") { // it depends on the call
		return nil
	}
	_, err := parseProxy(known)
	return err
}

// parseProxy reads the URL of a forward proxy.
func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) {
		return nil, errNotAProxy
	}
	return u, nil
}

// hasPassword reports whether the URL itself contains a password.
func hasPassword(configured string) bool {
	u, err := url.Parse(configured)
	if err != nil {
		return false
	}
	password, _ := u.User.Password()
	return password != "" && !strings.Contains(password, "{")
}

// dialedProxy is the request variable that tells Caddy's dialer to connect to a proxy instead
// of the upstream.
const dialedProxy = "reverse_proxy.proxy"

// viaProxy returns a function that chooses the forward proxy for a request. Caddy's own
// function logs the URL at debug level, and its error quotes the URL.
func viaProxy(configured string) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		named := configured
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			expanded, err := setting.Replace(repl, configured, true, true)
			if err != nil {
				return nil, errNotAProxy
			}
			named = expanded
		}
		proxy, err := parseProxy(named)
		if err != nil {
			return nil, err
		}
		caddyhttp.SetVar(r.Context(), dialedProxy, proxy)
		return proxy, nil
	}
}

// proxyOf returns the forward proxy that a request goes through, or nil. Its error does not
// contain the URL, whichever module has chosen the proxy.
func (t *Transport) proxyOf(r *http.Request) (*url.URL, error) {
	proxy, err := t.Transport.Proxy(r)
	if err != nil {
		return nil, errNotAProxy
	}
	return proxy, nil
}
