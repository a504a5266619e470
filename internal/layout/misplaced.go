package layout

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Misplacement describes what is wrong with the place of a signing handler, and what to do
// about it. Caddy loads the config all the same, but calls are not signed, or their answers
// are not the checked ones.
type Misplacement struct{ Message, Next string }

// Misplacements returns what is wrong with the place of a signing handler. paths are the
// paths of the endpoints that it signs.
func (h Handler) Misplacements(paths []string) []Misplacement {
	var found []Misplacement
	if h.forErrors {
		found = append(found, Misplacement{
			"the handler is in handle_errors, which runs only after another handler has failed, so no call is signed in normal operation",
			"write payermax in the site itself, outside handle_errors",
		})
	}
	switch rewritten := h.rewritten(paths); {
	case rewritten != "":
		found = append(found, Misplacement{
			fmt.Sprintf("an earlier handler changes %s, so no call is signed", rewritten),
			"remove the rewrite, uri, method or handle_path before it; the application calls PayerMax's own paths",
		})
	case !h.changesMethod() && !h.letsPOST():
		found = append(found, Misplacement{
			"the matchers around the handler let no POST through, but every call to PayerMax is a POST, so no call is signed",
			"write payermax without a matcher, or with one that names only paths, such as /aggregate-pay/*",
		})
	case len(paths) > 0 && len(h.rewrites) == 0 && !h.lets(paths):
		found = append(found, Misplacement{
			fmt.Sprintf("the matchers around the handler let no call through: the application calls %s, but the handler is for %s", paths[0], strings.Join(h.pathsAround(), " and ")),
			"write payermax without a matcher, or in a handle block for /aggregate-pay/*",
		})
	}
	found = append(found, h.misled(paths)...)
	switch front := cmp.Or(h.front, h.frontOf(paths)); front {
	case "":
	case Sign:
		found = append(found, Misplacement{
			"another payermax comes first and answers every call, so this one signs no call",
			"remove one of them, or give the first one a matcher that excludes the calls for this one",
		})
	default:
		found = append(found, Misplacement{
			fmt.Sprintf("the handler %s comes first and answers every request, so no call is signed", front),
			"give it its own path, remove it, or write both in a route block, with payermax first",
		})
	}
	if h.elsewhere != "" && !h.OverTLS && !h.isForEveryNameOfLoopback() {
		found = append(found, Misplacement{
			fmt.Sprintf("the site serves only %s: a call to the same port under another name or address of this machine gets %s and is not signed", strings.Join(h.Hosts, " and "), h.elsewhere),
			"leave the host out, as in :8080, and write bind 127.0.0.1 in the site",
		})
	}
	if h.neighbour != "" {
		found = append(found, Misplacement{
			fmt.Sprintf("another site on the same port serves %s and answers every call under that name, so those calls are not signed", h.neighbour),
			"remove that site, or give it another port",
		})
	}
	return found
}

// BecomesHTTPS reports whether Caddy serves the site over HTTPS automatically: it has a host,
// is not on the HTTP port, and nothing in the config prevents it. A site with its own
// certificate is meant to be HTTPS. A host that is matched only inside a site does not count.
func (h Handler) BecomesHTTPS() bool {
	automatic := objectOf(h.Server["automatic_https"])
	skipped := append(Texts(automatic["skip"]), Texts(automatic["skip_certificates"])...)
	return automatic["disable"] != true && h.Server["tls_connection_policies"] == nil &&
		slices.ContainsFunc(h.Hosts, func(host string) bool { return !slices.Contains(skipped, host) }) && HasHosts(h.Server, skipped)
}

// lets reports whether the path matchers around the handler match one of the paths.
func (h Handler) lets(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		for _, match := range h.matches {
			if !slices.ContainsFunc(listOf(match), func(set any) bool { return setLets(objectOf(set), path) }) {
				return false
			}
		}
		return true
	})
}

// letsPOST reports whether the matchers around the handler may match a POST.
func (h Handler) letsPOST() bool {
	return !slices.ContainsFunc(h.matches, func(match any) bool {
		return !slices.ContainsFunc(listOf(match), func(set any) bool { return setLetsPOST(objectOf(set)) })
	})
}

// setLetsPOST reports whether a matcher set may match a POST: its method matcher names POST,
// and no not matcher excludes it.
func setLetsPOST(set object) bool {
	excluded := slices.ContainsFunc(listOf(set["not"]), func(node any) bool {
		inner := objectOf(node)
		return len(inner) == 1 && namesPOST(inner["method"])
	})
	return !excluded && (set["method"] == nil || namesPOST(set["method"]))
}

// namesPOST reports whether a method matcher, which ignores case, includes POST.
func namesPOST(matcher any) bool {
	return slices.ContainsFunc(Texts(matcher), func(method string) bool { return strings.EqualFold(method, http.MethodPost) })
}

// changesMethod reports whether an earlier handler may change the method.
func (h Handler) changesMethod() bool {
	return slices.ContainsFunc(h.rewrites, func(r rewriting) bool { return r.does == nil || r.does["method"] != nil })
}

// setLets reports whether the path matchers of a matcher set may match a path. Other matchers
// depend on more than the path.
func setLets(set object, path string) bool {
	patterns := Texts(set["path"])
	return (len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool { return fits(pattern, path) })) &&
		expressionLets(objectOf(set["path_regexp"]), path) && !excludes(set["not"], path)
}

// expressionLets reports whether a path_regexp matcher may match a path. A pattern with
// braces may contain a placeholder.
func expressionLets(matcher object, path string) bool {
	pattern, _ := matcher["pattern"].(string)
	expression, err := regexp.Compile(pattern)
	return err != nil || strings.Contains(pattern, "{") || expression.MatchString(path)
}

// excludes reports whether a not matcher excludes a path, whatever else the request contains.
func excludes(not any, path string) bool {
	return slices.ContainsFunc(listOf(not), func(node any) bool {
		inner := objectOf(node)
		return len(inner) == 1 && slices.ContainsFunc(Texts(inner["path"]), func(pattern string) bool {
			return !isOpen(pattern) && fits(pattern, path)
		})
	})
}

// isOpen reports whether a pattern of Caddy's path matcher is more than a prefix or a suffix,
// or contains a placeholder.
func isOpen(pattern string) bool { return strings.ContainsAny(strings.Trim(pattern, "*"), "*?[{%") }

// fits reports whether a pattern of Caddy's path matcher may match a path. A pattern that is
// more than a prefix or a suffix, or contains a placeholder, always may.
func fits(pattern, path string) bool {
	pattern, path = strings.ToLower(pattern), strings.ToLower(path)
	first, last := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	bare := strings.Trim(pattern, "*")
	switch {
	case isOpen(pattern):
		return true
	case first && last:
		return strings.Contains(path, bare)
	case last:
		return strings.HasPrefix(path, bare)
	case first:
		return strings.HasSuffix(path, bare)
	}
	return pattern == path
}

// pathsAround returns the patterns of the path matchers around the handler, for use in a
// message.
func (h Handler) pathsAround() []string {
	var patterns []string
	for _, set := range h.matcherSets() {
		patterns = append(patterns, Texts(set["path"])...)
		if expression, isText := objectOf(set["path_regexp"])["pattern"].(string); isText {
			patterns = append(patterns, "the expression "+expression)
		}
		for _, not := range listOf(set["not"]) {
			if others := Texts(objectOf(not)["path"]); len(others) > 0 {
				patterns = append(patterns, "all but "+strings.Join(others, " and "))
			}
		}
	}
	return patterns
}

// isFirstOfGroup reports whether no earlier route is in the same group, of which only one
// route is used.
func isFirstOfGroup(routes []any, i int) bool {
	group := groupOf(routes[i])
	return group == "" || !slices.ContainsFunc(routes[:i], func(before any) bool { return groupOf(before) == group })
}

// answering are the handlers that never pass a request on.
var answering = []string{"error", "file_server", "metrics", Sign, "reverse_proxy", Sandbox, "static_response"}

// answererOf returns the name of a handler in routes that answers every request, or "". It
// ignores routes with matchers.
func answererOf(routes []any) string {
	for _, node := range routes {
		route := objectOf(node)
		if !isUnconditional(route) {
			continue
		}
		for _, handler := range listOf(route["handle"]) {
			if name := answerer(objectOf(handler)); name != "" {
				return name
			}
		}
	}
	return ""
}

// answerer returns the name of the handler, or of a handler inside it, if that answers every
// request, and otherwise "". Handlers that have routes for responses, or pass on what they do
// not find, do not count.
func answerer(handler object) string {
	name := nameOf(handler)
	switch {
	case name == "subroute":
		return answererOf(listOf(handler["routes"]))
	case !slices.Contains(answering, name), handler["pass_thru"] == true, handler["handle_response"] != nil:
		return ""
	}
	return titleOf(handler)
}

// titleOf returns the name of a handler for a message. In a Caddyfile, several directives stand
// for a static_response.
func titleOf(handler object) string {
	name := nameOf(handler)
	if name != "static_response" {
		return name
	}
	directive := "respond"
	switch headers := objectOf(handler["headers"]); {
	case handler["abort"] == true:
		directive = "abort"
	case headers["Location"] != nil:
		directive = "redir"
	}
	return directive + " (in JSON, " + name + ")"
}

// elsewhereOf says what answers a call for a host other than those of a signing site. It is
// "" if such a call is signed as well, or plainly refused. hosts are the hosts of each
// signing handler on the server; the list of a handler for all hosts is empty.
func elsewhereOf(routes []any, hosts [][]string) string {
	if slices.ContainsFunc(hosts, func(names []string) bool { return len(names) == 0 }) {
		return ""
	}
	rest := forAnyHost(routes)
	switch {
	case refuses(rest):
		return ""
	case !mayAnswer(rest):
		return "Caddy's empty 200"
	}
	return "the answer of the site for all hosts"
}

// forAnyHost returns routes or handlers without the routes, at any depth, that are only for some
// hosts.
func forAnyHost(nodes []any) []any {
	var kept []any
	for _, node := range nodes {
		if !takesAnyHost(objectOf(node)) {
			continue
		}
		o := maps.Clone(objectOf(node))
		for _, name := range []string{"handle", "routes"} {
			if list := listOf(o[name]); list != nil {
				o[name] = forAnyHost(list)
			}
		}
		kept = append(kept, o)
	}
	return kept
}

// mayAnswer reports whether routes may answer a call to one of PayerMax's endpoints.
func mayAnswer(routes []any) bool {
	return slices.ContainsFunc(protocol.Endpoints(), func(endpoint protocol.Endpoint) bool {
		_, is := firstAnswer(routes, nil, endpoint.Path())
		return is != never
	})
}

// isForEveryNameOfLoopback reports whether the server can be reached only from this machine,
// and the site is for each name and address by which that is possible.
func (h Handler) isForEveryNameOfLoopback() bool {
	return slices.Contains(h.Hosts, "localhost") && len(h.Listen) > 0 && !slices.ContainsFunc(h.Listen, func(text string) bool {
		at, err := caddy.ParseNetworkAddress(text)
		return err != nil || at.IsUnixNetwork() || !protocol.IsLoopback(at.Host) || !slices.Contains(h.Hosts, at.Host)
	})
}

// neighbourOf returns a name of this machine for which there is a route that neither signs
// nor plainly refuses, or "".
func neighbourOf(routes []any) string {
	for _, route := range routes {
		o := objectOf(route)
		if hasModule(listOf(o["handle"]), Sign) || refuses([]any{route}) {
			continue
		}
		for _, host := range hostsOf(listOf(o["match"])) {
			if protocol.IsLoopback(strings.Trim(host, "[]")) {
				return host
			}
		}
	}
	return ""
}

// hasModule reports whether routes or handlers contain a handler of a module, or invoke
// routes that may.
func hasModule(nodes []any, module string) bool {
	return slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		return nameOf(o) == module || nameOf(o) == "invoke" || hasModule(listOf(o["handle"]), module) || hasModule(listOf(o["routes"]), module)
	})
}

// takesAnyHost reports whether a route is for all hosts.
func takesAnyHost(route object) bool {
	sets := listOf(route["match"])
	return len(sets) == 0 || slices.ContainsFunc(sets, func(set any) bool { return objectOf(set)["host"] == nil })
}

// refuses reports whether routes contain a handler that refuses every request, as abort,
// error and respond 404 do.
func refuses(routes []any) bool {
	return slices.ContainsFunc(routes, func(node any) bool {
		return slices.ContainsFunc(listOf(objectOf(node)["handle"]), func(handler any) bool {
			h := objectOf(handler)
			switch nameOf(h) {
			case "subroute":
				return refuses(listOf(h["routes"]))
			case "error":
				return true
			case "static_response":
				status := fmt.Sprint(h["status_code"])
				return h["abort"] == true || strings.HasPrefix(status, "4") || strings.HasPrefix(status, "5")
			}
			return false
		})
	})
}
