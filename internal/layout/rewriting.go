package layout

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// rewriting is a handler that changes requests, with its position.
type rewriting struct {
	// does is its JSON, or nil if it is not known which requests it sees.
	does object
	// matches are the matchers of the routes that lead to it.
	matches []any
}

// rewritten says what earlier handlers change that must not be changed: all of the signed
// paths, or the method. It returns "" if they change neither.
func (h Handler) rewritten(paths []string) string {
	for _, r := range h.rewrites {
		if !r.seesAll(paths) {
			continue
		}
		method, _ := r.does["method"].(string)
		if method != "" && method != http.MethodPost && !strings.Contains(method, "{") {
			return "the method to " + method
		}
		if change := changeOfPaths(r.does, paths); change != "" {
			return change
		}
	}
	return ""
}

// seesAll reports whether every call for these paths certainly reaches the handler.
func (r rewriting) seesAll(paths []string) bool {
	for _, match := range r.matches {
		if len(paths) == 0 || slices.ContainsFunc(paths, func(path string) bool { return comesTo(object{"match": match}, nil, path) != always }) {
			return false
		}
	}
	return r.does != nil
}

// changeOfPaths says what a rewrite does to paths if none of them is left after it, or
// returns "". A text with braces may contain a placeholder, and so be anything.
func changeOfPaths(rewrite object, paths []string) string {
	text := func(name string) string {
		value, _ := rewrite[name].(string)
		return value
	}
	uri, prefix, suffix := text("uri"), text("strip_path_prefix"), text("strip_path_suffix")
	switch {
	case !mayLeadTo(uri, paths):
		return "the path to " + uri
	case leadsAway(paths, func(path string) string { return strings.TrimPrefix(path, prefix) }):
		return "the path by removing " + prefix
	case leadsAway(paths, func(path string) string { return strings.TrimSuffix(path, suffix) }):
		return "the path by removing " + suffix
	}
	for _, node := range listOf(rewrite["uri_substring"]) {
		find, replace, known := replacement(objectOf(node))
		if known && leadsAway(paths, func(path string) string { return strings.ReplaceAll(path, find, replace) }) {
			return "the path by replacing " + find
		}
	}
	for _, node := range listOf(rewrite["path_regexp"]) {
		find, replace, known := replacement(objectOf(node))
		expression, err := regexp.Compile(find)
		if known && err == nil && leadsAway(paths, func(path string) string { return expression.ReplaceAllString(path, replace) }) {
			return "the path by replacing " + find
		}
	}
	return ""
}

// misled reports which signed path an earlier handler certainly turns into another one, so that
// the sidecar signs another call than the application has made.
func (h Handler) misled(paths []string) []Misplacement {
	for _, path := range paths {
		if !h.lets([]string{path}) {
			continue
		}
		now := path
		for _, r := range h.rewrites {
			if !r.seesAll([]string{now}) {
				continue
			}
			now = pathAfter(r.does, now)
		}
		if now != path && slices.Contains(paths, now) {
			return []Misplacement{{
				fmt.Sprintf("an earlier handler changes the path %s to %s, so the sidecar signs and sends another call than the application makes", path, now),
				"remove the rewrite or uri before it; the application calls PayerMax's own paths",
			}}
		}
	}
	return nil
}

// pathAfter returns what a rewrite makes of a path, or the path itself if that is not certain.
func pathAfter(rewrite object, path string) string {
	uri, _ := rewrite["uri"].(string)
	after, _, _ := strings.Cut(uri, "?")
	if strings.HasPrefix(after, "/") && !strings.Contains(after, "{") {
		path = after
	}
	for _, node := range listOf(rewrite["uri_substring"]) {
		if find, replace, known := replacement(objectOf(node)); known {
			path = strings.ReplaceAll(path, find, replace)
		}
	}
	for _, node := range listOf(rewrite["path_regexp"]) {
		find, replace, known := replacement(objectOf(node))
		if expression, err := regexp.Compile(find); known && err == nil {
			path = expression.ReplaceAllString(path, replace)
		}
	}
	return path
}

// mayLeadTo reports whether a new URI may have one of the paths. Nothing is known about a URI
// that begins with a placeholder, or has no path.
func mayLeadTo(uri string, paths []string) bool {
	path, _, open := strings.Cut(uri, "{")
	if before, _, hasQuery := strings.Cut(path, "?"); hasQuery {
		path, open = before, false
	}
	return !strings.HasPrefix(path, "/") || slices.ContainsFunc(paths, func(signed string) bool {
		return signed == path || open && strings.HasPrefix(signed, path)
	})
}

// leadsAway reports whether there are paths, and a change leaves none of them.
func leadsAway(paths []string, change func(path string) string) bool {
	return len(paths) > 0 && !slices.ContainsFunc(paths, func(path string) bool { return slices.Contains(paths, change(path)) })
}

// replacement returns what is replaced, and with what. known is false if that is not certain.
func replacement(o object) (find, replace string, known bool) {
	find, _ = o["find"].(string)
	replace, _ = o["replace"].(string)
	return find, replace, find != "" && o["limit"] == nil && !strings.Contains(find+replace, "{")
}

// rewritesOf returns the handlers in routes that change requests.
func rewritesOf(routes []any) []rewriting {
	var all []rewriting
	for i, node := range routes {
		route := objectOf(node)
		for _, handler := range listOf(route["handle"]) {
			var found []rewriting
			switch h := objectOf(handler); nameOf(h) {
			case "rewrite":
				found = []rewriting{{does: h}}
			case "subroute":
				found = rewritesOf(listOf(h["routes"]))
			}
			for _, r := range found {
				if len(listOf(route["match"])) > 0 {
					r.matches = append(slices.Clip(r.matches), route["match"])
				}
				if !isFirstOfGroup(routes, i) {
					r.does = nil
				}
				all = append(all, r)
			}
		}
	}
	return all
}
