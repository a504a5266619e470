package layout

import (
	"fmt"
	"slices"
	"strings"
)

// proxyStatus is the header field that says how an answer was found.
const proxyStatus = "Proxy-Status"

// Doubts returns all doubts about the place of a signing handler: calls do not reach it, or
// other requests get no answer or something else instead. paths are the paths of the
// endpoints that it signs.
func (h Handler) Doubts(paths []string) []Misplacement {
	found := h.Misplacements(paths)
	if h.letsPOST() && h.lets(paths) { // otherwise it is already known why no call is signed
		found = append(found, h.Unserved()...)
	}
	return append(found, h.altered(paths)...)
}

// altered reports what around the handler may change its answers after they were checked,
// while Proxy-Status still says that they were, or may change that header field.
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

// changedIn returns the name of what may change the answer of a later handler, among routes
// or handlers that a request for the path may reach, or "".
func changedIn(nodes, passed []any, path string) string {
	for _, node := range nodes {
		o := objectOf(node)
		inner := listOf(o["handle"])
		switch name := nameOf(o); {
		case name == "subroute":
			inner = listOf(o["routes"])
		case name == "headers" && touchesProxyStatus(objectOf(o["response"])):
			return name + ", which sets or removes " + proxyStatus + ","
		case name == "intercept" && len(listOf(o["handle_response"])) > 0, name == "replace_response",
			name == "templates" && slices.Contains(Texts(o["mime_types"]), "application/json"):
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

// touchesProxyStatus reports whether operations on the response header change Proxy-Status
// once it is set. Operations that are not deferred run before that, and are overwritten.
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

// isWithoutProxyStatus reports whether a response matcher matches only responses without a
// Proxy-Status, like that of header ?Proxy-Status.
func isWithoutProxyStatus(matcher object) bool {
	for field, values := range objectOf(matcher["headers"]) {
		if values == nil && strings.EqualFold(field, proxyStatus) {
			return true
		}
	}
	return false
}
