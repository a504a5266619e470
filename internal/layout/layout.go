// Package layout finds this module's handlers among the routes of Caddy's servers and
// determines what surrounds them: what a request reaches next, how requests can get past
// them, and whether a guard has seen the request before.
//
// It works on the JSON of a server. The doctor reads it from a file; a handler that is being
// provisioned gets it from its server through [Places].
package layout

import (
	"cmp"
	"maps"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// The names of the relevant handlers.
const (
	Sign     = "payermax"
	Notify   = "payermax_notify"
	Guard    = "payermax_notify_guard"
	Sandbox  = "payermax_sandbox"
	Health   = "payermax_health"
	NotFound = "payermax_not_found"
)

// Layout is what was found in the servers of a config.
type Layout struct {
	// Handlers are in the order of the config. A handler in a named route is included once
	// for each place that invokes it.
	Handlers []Handler
	proxies  []proxy
}

// Handler is a handler of this module and its position.
type Handler struct {
	// Module is its module name: [Sign], [Notify] or [Sandbox].
	Module string
	// Config is its decoded JSON.
	Config map[string]any
	// Listen are the addresses of its server. Hosts are the host names that the routes around
	// it match.
	Listen, Hosts []string
	// Server is the decoded JSON of its server.
	Server map[string]any
	// OverTLS says that its server speaks TLS. Read knows that from the server's connection
	// policies, which Caddy adds if HTTPS is automatic. Over TLS, a call under a name that
	// the site does not have fails, since the certificate does not have it either.
	OverTLS bool

	site *site
	// matches are the matchers of the routes around it, outermost first.
	matches []any
	// after are the handlers and routes for a request that the handler passes on, nearest
	// first. If open is set, there may be more.
	after []any
	open  bool
	// before are the handlers and routes that a request may reach before the handler, in
	// order.
	before []any
	// rivals are the earlier routes in the groups of the routes around the handler. A request
	// that one of them takes does not reach the handler.
	rivals []any
	// front is the name of a handler that answers every request before this handler sees it,
	// or "".
	front string
	// rewrites are the earlier handlers that change the path or the method of requests.
	rewrites []rewriting
	// forErrors says that the handler gets only requests that have failed before.
	forErrors bool
	// elsewhere says what a request gets if it is for a host other than those of the routes
	// around the handler. It is "" if such a request is handled like the others, or refused.
	elsewhere string
	// neighbour is a name of this machine, such as localhost, for which another site of the
	// server answers without signing, or "".
	neighbour string
}

// site is what a Caddyfile calls a site: the routes for some host names, or all routes of a
// server that does not distinguish hosts.
type site struct {
	guarded bool // each request for the site passes a guard
}

// proxy is a reverse_proxy that leads to an application.
type proxy struct {
	site    *site
	matches []any
	dials   []string
	guarded bool
}

// Read examines servers, which are JSON objects by name.
func Read(servers map[string]any) *Layout {
	l := new(Layout)
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		server := objectOf(servers[name])
		w := walk{found: l, config: server, listen: Texts(server["listen"]), named: objectOf(server["named_routes"]), invoked: make(map[string]bool)}
		w.server(server)
	}
	return l
}

// HasHosts reports whether a route of a server, given as JSON, is for a host other than the
// skipped ones.
func HasHosts(server map[string]any, skipped []string) bool {
	return slices.ContainsFunc(listOf(server["routes"]), func(route any) bool {
		return slices.ContainsFunc(hostsOf(listOf(objectOf(route)["match"])), func(host string) bool { return !slices.Contains(skipped, host) })
	})
}

// IsGuarded reports whether every request for the handler's site passes a guard before it can
// reach a reverse_proxy.
func (l *Layout) IsGuarded(h Handler) bool {
	return h.site.guarded && !slices.ContainsFunc(l.proxies, func(p proxy) bool { return p.site == h.site && !p.guarded })
}

// HasSideDoor reports whether another site leads to the application behind the
// handler without a guard.
func (l *Layout) HasSideDoor(h Handler) bool {
	behind := dialsOf(h.Proxy())
	return slices.ContainsFunc(l.proxies, func(p proxy) bool {
		return p.site != h.site && !p.guarded && slices.ContainsFunc(p.dials, func(dial string) bool { return slices.Contains(behind, dial) })
	})
}

// ExactPaths returns the exact paths that requests must have to reach the handler.
func (h Handler) ExactPaths() []string {
	var exact []string
	for _, set := range h.matcherSets() {
		for _, path := range Texts(set["path"]) {
			if !strings.HasSuffix(path, "*") {
				exact = append(exact, path)
			}
		}
		if path := literal(objectOf(set["path_regexp"])); path != "" {
			exact = append(exact, path)
		}
	}
	return exact
}

// literal returns the only path that a path_regexp matcher matches, or "".
func literal(matcher object) string {
	pattern, _ := matcher["pattern"].(string)
	inside, begins := strings.CutPrefix(pattern, "^")
	inside, ends := strings.CutSuffix(inside, "$")
	expression, err := regexp.Compile(inside)
	if !begins || !ends || err != nil {
		return ""
	}
	if path, complete := expression.LiteralPrefix(); complete {
		return path
	}
	return ""
}

// sidesteps are the matchers that the sender of a request can avoid, although the request is
// for the same path.
var sidesteps = []string{"client_ip", "header", "header_regexp", "method", "protocol", "query", "remote_ip", "tls"}

// Sidesteps returns the names of the matchers around the handler that depend on more than the
// path, if an application can be reached when they do not match.
func (l *Layout) Sidesteps(h Handler) []string {
	var names []string
	for _, set := range h.matcherSets() {
		for name := range set {
			if slices.Contains(sidesteps, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	if !slices.ContainsFunc(l.proxies, func(p proxy) bool { return p.site == h.site && !reflect.DeepEqual(p.matches, h.matches) }) {
		return nil
	}
	return names
}

// matcherSets returns the matcher sets of all routes around the handler.
func (h Handler) matcherSets() []object {
	var sets []object
	for _, match := range h.matches {
		for _, set := range listOf(match) {
			sets = append(sets, objectOf(set))
		}
	}
	return sets
}

// Proxy returns the reverse_proxy that comes next, or nil.
func (h Handler) Proxy() map[string]any { return firstProxy(h.after) }

// IsBeforeGateway reports whether a reverse_proxy comes after the handler that can only be
// meant for signed calls: it sends them as they were signed, or it sends to PayerMax.
func (h Handler) IsBeforeGateway() bool {
	return slices.ContainsFunc(proxiesIn(h.after), func(proxy map[string]any) bool {
		return Pins(proxy) || slices.ContainsFunc(dialsOf(proxy), isPayerMaxs)
	})
}

// Gateways returns the hosts to which the next reverse_proxy sends calls, as far as the
// config names them.
func (h Handler) Gateways() []string {
	var hosts []string
	for _, dial := range dialsOf(h.Proxy()) {
		if host, _, err := net.SplitHostPort(dial); err == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// isPayerMaxs reports whether an upstream is the gateway of one of PayerMax's environments.
func isPayerMaxs(dial string) bool {
	host, _, _ := net.SplitHostPort(dial)
	return protocol.EnvironmentAt("https://"+host) != ""
}

// Pins reports whether a reverse_proxy has the transport that sends signed calls to PayerMax
// exactly as they were signed. They contain nothing of the application's request but its
// body.
func Pins(proxy map[string]any) bool { return objectOf(proxy["transport"])["protocol"] == Sign }

// firstProxy returns the first reverse_proxy in routes or handlers.
func firstProxy(nodes []any) object {
	if all := proxiesIn(nodes); len(all) > 0 {
		return all[0]
	}
	return nil
}

// proxiesIn returns each reverse_proxy in routes or handlers.
func proxiesIn(nodes []any) []map[string]any {
	var all []map[string]any
	for _, node := range nodes {
		o := objectOf(node)
		if nameOf(o) == "reverse_proxy" {
			all = append(all, o)
			continue
		}
		for _, name := range []string{"handle", "routes"} {
			all = append(all, proxiesIn(listOf(o[name]))...)
		}
	}
	return all
}

// neverSending are handlers that pass a request on, or answer it themselves, but never send
// it anywhere.
var neverSending = []string{
	"encode", "headers", "log_append", "map", Notify, Guard, Health, NotFound, "request_body", "rewrite", "tracing", "vars",
	"acme_server", "authentication", "copy_response", "copy_response_headers", "error", "file_server", "metrics", "push",
	"static_response", "templates",
}

// IsDeadEnd reports whether it is certain that nothing after the handler could send a request
// to PayerMax, or replace PayerMax.
func (h Handler) IsDeadEnd() bool { return !h.open && isNoneBut(neverSending, h.after) }

// neverAnswering are handlers that pass a notification on to the next handler. Handlers that
// fail are not among them, since routes for errors may answer instead.
var neverAnswering = []string{
	"encode", "headers", "log_append", "map", Notify, Guard, Health, NotFound, "request_body", "rewrite", "tracing", "vars",
	"copy_response_headers", "push", "templates",
}

// IsUnanswered reports whether it is certain that nothing after the handler could accept a
// request: neither an application nor a fixed answer.
func (h Handler) IsUnanswered() bool { return !h.open && isNoneBut(neverAnswering, h.after) }

// Front returns the name of a handler that answers every request for the paths of this
// handler before this handler sees it, or "".
func (h Handler) Front() string { return cmp.Or(h.front, h.frontOf(h.Patterns())) }

// IsForErrors reports whether the handler is in handle_errors, which a request reaches only
// if another handler has failed.
func (h Handler) IsForErrors() bool { return h.forErrors }

// IsCutOff reports whether it is certain that every request that the handler passes on
// reaches a signing handler, and so never an application behind it.
func (h Handler) IsCutOff() bool {
	signs, _ := firstIsSign(h.after)
	return signs
}

// firstIsSign reports whether a request that goes through routes or handlers reaches a
// signing handler before it can reach one that sends or answers. ends reports whether the
// search is over.
func firstIsSign(nodes []any) (signs, ends bool) {
	for _, node := range nodes {
		o := objectOf(node)
		inner := listOf(o["handle"])
		switch name := nameOf(o); {
		case name == Sign:
			return true, true
		case name == "subroute":
			inner = listOf(o["routes"])
		case name == "" && !isUnconditional(o):
			if !isNoneBut(neverSending, inner) {
				return false, true
			}
			continue
		case name != "" && !slices.Contains(neverSending, name):
			return false, true
		}
		if signs, ends = firstIsSign(inner); ends {
			return signs, true
		}
	}
	return false, false
}

// isNoneBut reports whether all handlers in routes or handlers are among these.
func isNoneBut(names []string, nodes []any) bool {
	return !slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		switch name := nameOf(o); name {
		case "":
			return !isNoneBut(names, listOf(o["handle"]))
		case "subroute":
			return !isNoneBut(names, listOf(o["routes"]))
		default:
			return !slices.Contains(names, name)
		}
	})
}
