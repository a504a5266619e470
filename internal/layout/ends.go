package layout

import (
	"reflect"
	"slices"
	"strings"
)

// certainty says whether something happens to each request for some path.
type certainty int

const (
	never certainty = iota
	maybe
	always
)

// AnsweredBefore returns the name of a handler, and a path pattern of the handler h, such
// that the former certainly answers what h passes on for that pattern, although a later
// reverse_proxy may be meant for it. Both are "" if there is no such handler. A handler that
// fails does not count, since routes for errors may answer instead.
func (h Handler) AnsweredBefore() (name, path string) {
	for _, path := range h.Patterns() {
		answers, is := firstAnswer(h.after, h.matches, path)
		if is == always && answers != "reverse_proxy" && answers != "error" && mayReachProxy(h.after, h.matches, path) {
			return answers, path
		}
	}
	return "", ""
}

// UnansweredPath returns a path pattern of the handler for which it is certain that nothing
// answers what the handler passes on, or "".
func (h Handler) UnansweredPath() string {
	for _, path := range h.Patterns() {
		if _, is := firstAnswer(h.after, h.matches, path); is == never && !h.open {
			return path
		}
	}
	return ""
}

// frontOf returns the name of a handler that certainly answers every request for these paths
// before this handler sees it, or "".
func (h Handler) frontOf(paths []string) string {
	var front string
	for _, path := range paths {
		name, is := firstAnswer(h.before, nil, path)
		if is != always {
			return ""
		}
		front = name
	}
	return front
}

// Patterns returns the patterns of the innermost path matchers around the handler. It returns
// a single "" if the handler is for any path, or if an earlier handler changes the path.
func (h Handler) Patterns() []string {
	for _, match := range slices.Backward(h.matches) {
		var patterns []string
		for _, set := range listOf(match) {
			own := Texts(objectOf(set)["path"])
			if len(own) == 0 {
				patterns = nil
				break
			}
			patterns = append(patterns, own...)
		}
		if len(patterns) > 0 && len(h.rewrites) == 0 {
			return patterns
		}
	}
	return []string{""}
}

// firstAnswer returns the handler, among routes or handlers, that is the first to answer a
// request for a path. The request has passed the given matchers.
func firstAnswer(nodes, passed []any, path string) (name string, is certainty) {
	groups := make(map[string]certainty)
	for _, node := range nodes {
		o := objectOf(node)
		comes, inner := always, listOf(o["handle"])
		switch module := nameOf(o); {
		case module == "subroute":
			inner = listOf(o["routes"])
		case module != "":
			if !slices.Contains(neverAnswering, module) || module == "rewrite" {
				return titleOf(o), answers(o)
			}
			continue
		default:
			comes = comesTo(o, passed, path)
			group := groupOf(node)
			if group != "" {
				comes, groups[group] = min(comes, always-groups[group]), max(groups[group], comes)
			}
		}
		if comes == never {
			continue
		}
		name, is = firstAnswer(inner, passed, path)
		if is != never {
			return name, min(is, comes)
		}
		if o["terminal"] == true {
			return "", min(maybe, always-comes)
		}
	}
	return "", never
}

// answers reports whether a handler answers every request that reaches it, as far as is
// known, and passes none on. A handler that rewrites requests may lead elsewhere.
func answers(handler object) certainty {
	if answerer(handler) == "" {
		return maybe
	}
	return always
}

// mayReachProxy reports whether routes or handlers contain a reverse_proxy that a request for
// the path may reach if nothing answers it before.
func mayReachProxy(nodes, passed []any, path string) bool {
	return slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		switch nameOf(o) {
		case "reverse_proxy":
			return true
		case "subroute":
			return mayReachProxy(listOf(o["routes"]), passed, path)
		}
		return comesTo(o, passed, path) != never && mayReachProxy(listOf(o["handle"]), passed, path)
	})
}

// comesTo reports whether a request for a path, which has passed the given matchers, reaches
// a route. Notifications, like calls, are POST requests.
func comesTo(route object, passed []any, path string) certainty {
	match := listOf(route["match"])
	isPassed := func(other any) bool { return reflect.DeepEqual(other, route["match"]) }
	if len(match) == 0 || slices.ContainsFunc(passed, isPassed) {
		return always
	}
	comes := never
	for _, set := range match {
		comes = max(comes, setTakes(objectOf(set), path))
	}
	return comes
}

// setTakes reports whether a matcher set matches a POST for a path.
func setTakes(set object, path string) certainty {
	takes := always
	for name, matcher := range set {
		switch {
		case name == "path":
			takes = min(takes, patternsTake(Texts(matcher), path))
		case name == "method" && !namesPOST(matcher):
			return never
		case name != "method":
			takes = min(takes, maybe)
		}
	}
	return takes
}

// patternsTake reports whether one of the path patterns matches what another pattern, path,
// matches: all of it, or only the very path with which path begins.
func patternsTake(patterns []string, path string) certainty {
	takes := never
	for _, pattern := range patterns {
		takes = max(takes, patternTakes(strings.ToLower(pattern), strings.ToLower(path)))
	}
	return takes
}

// patternTakes is patternsTake for one pattern, in lower case.
func patternTakes(pattern, path string) certainty {
	own, isPrefix, isKnown := plain(pattern)
	other, othersArePrefixed, otherIsKnown := plain(path)
	switch {
	case pattern == "*" || pattern == "/*" || pattern == path:
		return always
	case !isKnown || !otherIsKnown || path == "":
		return maybe
	case isPrefix && strings.HasPrefix(other, own), own == other:
		return always
	case othersArePrefixed && strings.HasPrefix(own, other):
		return maybe
	}
	return never
}

// plain splits a path pattern that is a path or a path prefix. For other patterns, isKnown is
// false: it is not known here what they match.
func plain(pattern string) (path string, isPrefix, isKnown bool) {
	path, isPrefix = strings.CutSuffix(pattern, "*")
	return path, isPrefix, !strings.ContainsAny(path, "*?[{%\\")
}
