package transport

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
)

// proxySchemes are those of forward proxies that net/http knows. It takes any other for
// http.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// errNoProxyURL does not quote the URL.
var errNoProxyURL = cause.Misconfigured("network_proxy: expected the URL of a forward proxy, such as http://proxy:3128 or socks5://proxy:1080; " +
	"what is there is not shown, since it may have a password in it")

// checkForwardProxy refuses a forward proxy that is not the URL of one, as far as that is
// known when the config is loaded. Caddy would name the URL in its error, with the
// password in it, or find out at the first call.
func (t *Transport) checkForwardProxy() error {
	var named struct{ From, URL string }
	if json.Unmarshal(t.NetworkProxyRaw, &named) != nil || named.From != "url" {
		named.URL = t.ForwardProxyURL
		if named.URL == "" {
			return nil
		}
	}
	expanded := caddy.NewReplacer().ReplaceKnown(named.URL, "")
	if strings.Contains(expanded, "{") { // it depends on the request
		return nil
	}
	proxy, err := url.Parse(expanded)
	if err != nil || !isForwardProxy(proxy) {
		return errNoProxyURL
	}
	return nil
}

// forwardProxy returns the forward proxy that a request goes through, or nil. Its error
// does not show the URL.
func (t *Transport) forwardProxy(r *http.Request) (*url.URL, error) {
	proxy, err := t.Transport.Proxy(r)
	if err != nil || proxy != nil && !isForwardProxy(proxy) {
		return nil, errNoProxyURL
	}
	return proxy, nil
}

func isForwardProxy(u *url.URL) bool {
	return slices.Contains(proxySchemes, u.Scheme) && u.Hostname() != ""
}
