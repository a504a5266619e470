// Package upstream reads where a payermax block sends its calls: the gateway, its backup, and
// the options that are left to Caddy's reverse_proxy, without those that would change what
// was signed.
package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Gateway says where the calls of a payermax block go.
type Gateway struct {
	// URLs are those of the gateway and of its backup, if it has one.
	URLs []string
	// Sandbox is set if the embedded sandbox takes their place, and
	// SandboxWithCredentials if a merchant's credentials are allowed with it.
	Sandbox, SandboxWithCredentials bool
}

// ReadGateway reads the arguments of the option gateway. The dispenser is at the option's
// name.
//
// There is no default. With gateway {$NAME}, a variable that is not set leaves no
// argument, and such a config must not send calls anywhere: neither to PayerMax nor to
// the sandbox.
func ReadGateway(d *caddyfile.Dispenser) (*Gateway, error) {
	args := d.RemainingArgs()
	isEmpty := func(arg string) bool { return strings.TrimSpace(arg) == "" }
	switch {
	case !slices.ContainsFunc(args, func(arg string) bool { return !isEmpty(arg) }):
		return nil, d.Err("gateway is empty: expected uat, production, sandbox or a URL such as https://host. " +
			"Where the Caddyfile takes it from the environment, that variable is not set, or blank; set it, such as PAYERMAX_GATEWAY=uat for gateway {$PAYERMAX_GATEWAY}")
	case len(args) > 2, grammar.IsSign(args[0]):
		return nil, grammar.ErrValues
	case slices.Equal(args, []string{sandbox}):
		return &Gateway{Sandbox: true}, nil
	case slices.Equal(args, []string{sandbox, sandbox}):
		return &Gateway{Sandbox: true, SandboxWithCredentials: true}, nil
	}
	urls, err := urlsOf(args[0], args[1:]...)
	if err != nil {
		return nil, d.Errf("gateway: %w%s", err, grammar.Unexpanded(args...))
	}
	return &Gateway{URLs: urls}, nil
}

// sandbox names the embedded sandbox, which has no URL.
const sandbox = "sandbox"

// urlOf returns the URL of the gateway that the option's value names: uat,
// production, or a URL. An error does not repeat a value that may contain a password.
func urlOf(value string) (string, error) {
	if known, ok := protocol.GatewayURL(value); ok {
		return known, nil
	}
	const expected = "expected uat, production, sandbox or a URL such as https://host"

	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "" || u.Opaque != "":
		return "", fmt.Errorf("%s%s", expected, butIs(value))
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("the scheme must be https; %s", expected)
	case u.User != nil:
		return "", errors.New("the URL must not contain a user or a password")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the URL must end after the host and port; the paths are the gateway's own")
	case !isPort(u.Port()):
		return "", errors.New("the port must be a number from 1 to 65535")
	case strings.Contains(u.Host, "%"):
		return "", errors.New("the host must not have an IPv6 zone, which Caddy cannot dial; write an address without one")
	case strings.Contains(u.Host, ".."):
		return "", fmt.Errorf("the host %q has two dots in a row; write one", u.Host)
	case u.Scheme == "http" && !protocol.IsLoopback(u.Hostname()):
		return "", errors.New("plain http is for this machine only, such as http://localhost:9000; use https")
	}
	return u.Scheme + "://" + u.Host, nil
}

// isPort reports whether a URL's port can be one. It may be omitted.
func isPort(port string) bool {
	number, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && number > 0
}

// butIs returns the end of an error message: the unexpected value in quotes, and what was
// probably meant. A value with a user, a path or a query may contain a secret, so butIs
// returns "" for it.
func butIs(value string) string {
	const maxShown = 64
	if len(value) > maxShown || strings.ContainsAny(value, "@/?=") {
		return ""
	}
	said := ", but it is " + strconv.QuoteToASCII(value)
	plain := strings.Trim(strings.ToLower(value), "\"'` \t\u00a0\ufeff")
	if _, known := protocol.GatewayURL(plain); known || plain == sandbox {
		return said + "; write " + plain
	}
	if environment := protocol.EnvironmentAt("https://" + plain); environment != "" {
		return said + "; write " + environment + ", which is that host"
	}
	if meant := grammar.Suggest(plain, []string{protocol.UAT, protocol.Production, sandbox}); meant != "" {
		return said + "; did you mean " + meant + "?"
	}
	if strings.Contains(plain, ".") && !strings.Contains(plain, "{") {
		return said + "; write https:// before a host"
	}
	return said
}

// urlsOf returns the URLs of the gateway and of its backup, if there is one. The
// backup must be another URL, because neither of PayerMax's environments can be the
// backup of the other.
func urlsOf(gateway string, backup ...string) ([]string, error) {
	if gateway == sandbox || slices.Contains(backup, sandbox) {
		return nil, errors.New("the sandbox cannot have a backup or be one; remove the second argument")
	}
	first, err := urlOf(gateway)
	if err != nil || len(backup) == 0 {
		return []string{first}, err
	}
	second, err := urlOf(backup[0])
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	switch {
	case protocol.EnvironmentAt(second) != "":
		return nil, errors.New("backup: expected the URL of another host of the same environment, such as https://host")
	case schemeOf(first) != schemeOf(second):
		return nil, fmt.Errorf("backup: it must have the same scheme as the gateway, %s; write a URL that begins with %[1]s://, or a gateway that begins with %s://",
			schemeOf(first), schemeOf(second))
	case first == second:
		return nil, errors.New("backup: it is the same as the gateway; name another host, or remove the backup")
	}
	return []string{first, second}, nil
}

// schemeOf returns the scheme of a URL, without "://".
func schemeOf(gateway string) string {
	scheme, _, _ := strings.Cut(gateway, "://")
	return scheme
}
