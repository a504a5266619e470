package layout

import (
	"slices"
	"strings"
)

// AsksForCertificate reports whether every connection to the handler's site needs a client
// certificate.
func (h Handler) AsksForCertificate() bool {
	policies := listOf(h.Server["tls_connection_policies"])
	if len(h.Hosts) == 0 || h.Server["strict_sni_host"] == false {
		return len(policies) > 0 && !slices.ContainsFunc(policies, func(policy any) bool { return !asksForCertificate(objectOf(policy)) })
	}
	return !slices.ContainsFunc(h.Hosts, func(host string) bool { return !asksForCertificate(policyFor(policies, host)) })
}

// policyFor returns the first connection policy that is certainly for a host, or nil. A policy
// that depends on more than the host may be for it, but decides nothing.
func policyFor(policies []any, host string) object {
	for _, node := range policies {
		policy := objectOf(node)
		match := objectOf(policy["match"])
		switch names := Texts(match["sni"]); {
		case len(match) == 0, len(match) == 1 && slices.Contains(names, host):
			return policy
		case len(names) == 0 || slices.Contains(names, host) || slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "*") }):
			return nil
		}
	}
	return nil
}

// asksForCertificate reports whether a connection policy requires a client certificate, as it
// does by default if it says anything about them.
func asksForCertificate(policy object) bool {
	authentication := objectOf(policy["client_authentication"])
	mode := authentication["mode"]
	return len(authentication) > 0 && mode != "request" && mode != "verify_if_given"
}

// AsksForPassword reports whether every request for these paths must authenticate before it
// reaches the handler, as basic_auth demands.
func (h Handler) AsksForPassword(paths []string) bool {
	return h.passesFirst(paths, func(node object) bool { return nameOf(node) == "authentication" })
}

// Chooses reports whether it is certain that the config chooses callers by something other than
// a password or a certificate of theirs: forward_auth, their addresses, or a header field. How
// well it does that is not known.
func (h Handler) Chooses(paths []string) bool {
	return slices.ContainsFunc(h.matches, isChoice) ||
		h.passesFirst(paths, func(node object) bool { return nameOf(node) == "reverse_proxy" && node["handle_response"] != nil }) ||
		slices.ContainsFunc(h.before, refusesStrangers) || slices.ContainsFunc(h.rivals, takesStrangers)
}

// passesFirst reports whether every request for one of these paths certainly goes through a
// certain handler before it reaches this one.
func (h Handler) passesFirst(paths []string, is func(object) bool) bool {
	return len(paths) > 0 && !slices.ContainsFunc(paths, func(path string) bool { return !goesThrough(h.before, h.matches, path, is) })
}

// goesThrough reports whether every request for a path, which has passed the given matchers and
// goes through routes or handlers to their end, certainly goes through a certain handler.
func goesThrough(nodes, passed []any, path string, is func(object) bool) bool {
	return slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		switch name := nameOf(o); {
		case is(o):
			return true
		case name == "subroute":
			return goesThrough(listOf(o["routes"]), passed, path, is)
		case name != "" || groupOf(o) != "" || comesTo(o, passed, path) != always:
			return false
		}
		return goesThrough(listOf(o["handle"]), passed, path, is)
	})
}

// identifying are the matchers that tell callers apart.
var identifying = []string{"client_ip", "expression", "header", "header_regexp", "remote_ip", "vars", "vars_regexp"}

// isChoice reports whether each set of a matcher tells callers apart.
func isChoice(match any) bool {
	sets := listOf(match)
	return len(sets) > 0 && !slices.ContainsFunc(sets, func(set any) bool {
		return !slices.ContainsFunc(identifying, func(name string) bool { return objectOf(set)[name] != nil })
	})
}

// refusesStrangers reports whether a route, or a route in it, refuses all who do not match a
// choice of callers.
func refusesStrangers(node any) bool {
	route := objectOf(node)
	if nameOf(route) == "subroute" {
		return slices.ContainsFunc(listOf(route["routes"]), refusesStrangers)
	}
	return takesStrangers(route) && refuses([]any{route}) ||
		len(listOf(route["match"])) == 0 && slices.ContainsFunc(listOf(route["handle"]), refusesStrangers)
}

// takesStrangers reports whether a route is for all who do not match a choice of callers.
func takesStrangers(route any) bool {
	return slices.ContainsFunc(listOf(objectOf(route)["match"]), func(set any) bool {
		return len(objectOf(set)) == 1 && isChoice(objectOf(set)["not"])
	})
}
