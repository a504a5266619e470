package transport

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// errNotAProxy repeats nothing of the URL, which may have a password.
var errNotAProxy = errors.New("network_proxy: its value, which is not repeated here, is not the URL of a forward proxy; " +
	"expected one such as http://proxy.example:3128 or socks5://proxy.example:1080, with the special characters of a password percent-encoded")

// proxySchemes are those that net/http can connect through.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// forwardProxy returns the URL of the forward proxy as it is configured, placeholders
// included, or "" if none is, or if another module chooses it.
func (t *Transport) forwardProxy() string {
	if t.ForwardProxyURL != "" {
		return t.ForwardProxyURL
	}
	var configured struct{ From, URL string }
	if json.Unmarshal(t.NetworkProxyRaw, &configured) != nil || configured.From != "url" {
		return ""
	}
	return configured.URL
}

// isPerCall reports whether a configured URL has placeholders.
func isPerCall(configured string) bool { return strings.Contains(configured, "{") }

// checkProxy refuses a URL of which it is certain that no call can go through it.
func checkProxy(configured string) error {
	if configured == "" || isPerCall(configured) {
		return nil
	}
	_, err := parseProxy(configured)
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
	return password != "" && !isPerCall(password)
}

// viaProxy chooses the forward proxy for a request. Caddy's own choice writes its URL to
// the log at debug level, and an error that quotes it.
func viaProxy(configured string) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		if !ok || !isPerCall(configured) {
			return parseProxy(configured)
		}
		expanded, err := setting.Replace(repl, configured, true, true)
		if err != nil {
			return nil, errNotAProxy
		}
		return parseProxy(expanded)
	}
}
