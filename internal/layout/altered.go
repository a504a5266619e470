package layout

import (
	"fmt"
	"slices"
	"strings"
)

// proxyStatus is the header that says how an answer was found.
const proxyStatus = "Proxy-Status"

// Doubts returns all that is doubtful about the place of a handler that signs: calls do not
// come to it, or others get no answer, or something else, in its place. paths are those of
// the endpoints that it signs.
func (h Handler) Doubts(paths []string) []Misplacement {
	found := h.Misplacements(paths)
	if h.letsPOST() && h.lets(paths) { // or else it is known why no call is signed
		found = append(found, h.Unserved()...)
	}
	return append(found, h.altered(paths)...)
}

// altered says what around the handler may change its answers after they were checked, while
// Proxy-Status goes on saying so, or changes that header.
func (h Handler) altered(paths []string) []Misplacement {
	if len(paths) == 0 {
		paths = []string{""}
	}
	changes := func(node any) string {
		for _, path := range paths {
			if what := changedIn([]any{node}, h.matches, path); what != "" {
				return what
			}
		}
		return ""
	}
	for _, node := range h.before {
		if what := changes(node); what != "" {
			return []Misplacement{{
				fmt.Sprintf("the handler %s comes first and may change answers after they were checked, so Proxy-Status does not show where they come from", what),
				"give it its own path, or remove it; the application relies on code and Proxy-Status",
			}}
		}
	}
	return nil
}

// changedIn returns what, among some routes or handlers that a request for the path may come
// to, may change the answer of whatever comes next, or "".
func changedIn(nodes, passed []any, path string) string {
	for _, node := range nodes {
		o := objectOf(node)
		inner := listOf(o["handle"])
		switch name := nameOf(o); {
		case name == "subroute":
			inner = listOf(o["routes"])
		case name == "headers" && touchesProxyStatus(objectOf(o["response"])):
			return name + ", which sets or removes " + proxyStatus + ","
		case name == "intercept" && len(listOf(o["handle_response"])) > 0, name == "replace_response":
			return name
		case name != "" || comesTo(o, passed, path) == never:
			continue
		}
		if what := changedIn(inner, passed, path); what != "" {
			return what
		}
	}
	return ""
}

// touchesProxyStatus reports whether operations on the header of answers change Proxy-Status
// once it is there. Those that are not deferred come before it, and are overwritten.
func touchesProxyStatus(operations object) bool {
	if operations["deferred"] != true && operations["require"] == nil || isWithoutProxyStatus(objectOf(operations["require"])) {
		return false
	}
	for _, of := range []string{"add", "set", "replace"} {
		for field := range objectOf(operations[of]) {
			if field == "*" || strings.EqualFold(field, proxyStatus) {
				return true
			}
		}
	}
	return slices.ContainsFunc(Texts(operations["delete"]), func(pattern string) bool { return fits(pattern, proxyStatus) })
}

// isWithoutProxyStatus reports whether a matcher of answers matches none that has a
// Proxy-Status, as that of header ?Proxy-Status does.
func isWithoutProxyStatus(matcher object) bool {
	for field, values := range objectOf(matcher["headers"]) {
		if values == nil && strings.EqualFold(field, proxyStatus) {
			return true
		}
	}
	return false
}
