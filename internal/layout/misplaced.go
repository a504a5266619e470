package layout

import (
	"fmt"
	"slices"
	"strings"
)

// Misplacement is what is wrong with the place of a handler that signs, and what to do
// about it. Caddy loads the config all the same, and calls are not signed.
type Misplacement struct{ Message, Next string }

// Misplacements returns what is wrong with the place of a handler that signs.
func (h Handler) Misplacements() []Misplacement {
	var found []Misplacement
	if h.front != "" {
		found = append(found, Misplacement{
			fmt.Sprintf("the handler %s comes first and answers every request, so that no call is signed", h.front),
			"give it a path of its own, remove it, or write both into a route block, with payermax first",
		})
	}
	if h.isOnlyForHosts {
		found = append(found, Misplacement{
			fmt.Sprintf("the site is for %s alone: a call to the same port under another name or address of this machine gets Caddy's empty 200, and is not signed", strings.Join(h.Hosts, " and ")),
			"leave the host out, as in :8080, and write bind 127.0.0.1 into the site",
		})
	}
	return found
}

// BecomesHTTPS reports whether Caddy serves the site by HTTPS of its own accord: it has
// a host, is not on the HTTP port, and nothing says otherwise. A site with a certificate
// of its own is meant to be HTTPS.
func (h Handler) BecomesHTTPS() bool {
	automatic := objectOf(h.Server["automatic_https"])
	skipped := append(Texts(automatic["skip"]), Texts(automatic["skip_certificates"])...)
	return automatic["disable"] != true && h.Server["tls_connection_policies"] == nil &&
		slices.ContainsFunc(h.Hosts, func(host string) bool { return !slices.Contains(skipped, host) })
}

// answering are the handlers that pass no request on.
var answering = []string{"error", "file_server", "metrics", "reverse_proxy", Sandbox, "static_response"}

// answererOf returns the name of a handler in some routes that answers every request, or
// "". A route with a matcher leaves the others alone.
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

// answerer returns the handler's name, or that of one in it, if it answers every request.
// Whatever has routes for answers, or passes what it does not find, is not counted.
func answerer(handler object) string {
	name := nameOf(handler)
	switch {
	case name == "subroute":
		return answererOf(listOf(handler["routes"]))
	case !slices.Contains(answering, name), handler["pass_thru"] == true, handler["handle_response"] != nil:
		return ""
	}
	return name
}

// takesAnyHost reports whether a route of a server is for all hosts.
func takesAnyHost(routes []any) bool {
	return slices.ContainsFunc(routes, func(route any) bool {
		sets := listOf(objectOf(route)["match"])
		return len(sets) == 0 || slices.ContainsFunc(sets, func(set any) bool { return objectOf(set)["host"] == nil })
	})
}
