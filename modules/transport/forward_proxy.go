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

// errNotAProxy repeats nothing of the URL, which may have a password.
var errNotAProxy = cause.Misconfigured("network_proxy: its value, which is not repeated here, is not the URL of a forward proxy; " +
	"expected one such as http://proxy.example:3128 or socks5://proxy.example:1080, with the special characters of a password percent-encoded")

// proxies are the modules that choose a forward proxy.
var proxies = grammar.Guests{Namespace: "caddy.network_proxy", Key: "from", Elsewhere: "for the URL of a proxy, write url before it"}

// proxySchemes are those that net/http can connect through. It takes any other for http.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// checkNamed refuses a network_proxy that does not begin with the name of a module, such as
// one with the URL alone.
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

// configuredProxy returns the URL of the forward proxy as it is configured, placeholders
// included. It is not ok if there is none, or if another module chooses it.
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

// checkProxy refuses a URL of which it is certain, when the config is loaded, that no
// call can go through it.
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

// hasPassword reports whether a password stands in a URL itself.
func hasPassword(configured string) bool {
	u, err := url.Parse(configured)
	if err != nil {
		return false
	}
	password, _ := u.User.Password()
	return password != "" && !strings.Contains(password, "{")
}

// dialedProxy is the variable of a request by which Caddy's dialer knows that it is to
// connect to a proxy, rather than to the upstream.
const dialedProxy = "reverse_proxy.proxy"

// viaProxy chooses the forward proxy for a request. Caddy's own choice writes its URL to
// the log at debug level, and an error that quotes it.
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

// proxyOf returns the forward proxy that a request goes through, or nil. Its error does
// not show the URL, whichever module has chosen it.
func (t *Transport) proxyOf(r *http.Request) (*url.URL, error) {
	proxy, err := t.Transport.Proxy(r)
	if err != nil {
		return nil, errNotAProxy
	}
	return proxy, nil
}
