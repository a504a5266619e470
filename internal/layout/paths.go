package layout

import (
	"slices"
	"strings"
)

// reached returns what comes after the handler without the routes that are certainly for
// other paths than its own.
func (h Handler) reached() []any {
	paths := pathsOf(h.matches)
	if len(paths) == 0 || len(h.rewrites) > 0 || has("rewrite", h.after) {
		return h.after
	}
	return slices.DeleteFunc(slices.Clone(h.after), func(node any) bool {
		others := pathsOf([]any{objectOf(node)["match"]})
		return len(others) > 0 && !slices.ContainsFunc(paths, func(path string) bool {
			return slices.ContainsFunc(others, func(other string) bool { return mayOverlap(path, other) })
		})
	})
}

// pathsOf returns the path patterns of the innermost of some matchers that lets nothing
// pass but by its path, or nil.
func pathsOf(matches []any) []string {
	for _, match := range slices.Backward(matches) {
		var paths []string
		for _, set := range listOf(match) {
			of := Texts(objectOf(set)["path"])
			if len(of) == 0 {
				paths = nil // this one is for any path
				break
			}
			paths = append(paths, of...)
		}
		if len(paths) > 0 {
			return paths
		}
	}
	return nil
}

// mayOverlap reports whether a path may match both patterns. It goes by what both begin
// with, before anything that stands for more than itself.
func mayOverlap(a, b string) bool {
	literal := func(pattern string) (string, bool) {
		end := strings.IndexAny(pattern, `*?[\%{`)
		if end < 0 {
			return strings.ToLower(pattern), true
		}
		return strings.ToLower(pattern[:end]), false
	}
	beginA, wholeA := literal(a)
	beginB, wholeB := literal(b)
	switch {
	case strings.Contains(a+b, "//"): // which are one slash to a pattern without them
		return true
	case wholeA && wholeB:
		return beginA == beginB
	}
	// One that is whole must begin with the other; else either may go on as the other does.
	return !wholeB && strings.HasPrefix(beginA, beginB) || !wholeA && strings.HasPrefix(beginB, beginA)
}

// has reports whether a handler of the name is among some routes or handlers.
func has(name string, nodes []any) bool {
	return slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		return nameOf(o) == name || has(name, listOf(o["handle"])) || has(name, listOf(o["routes"]))
	})
}
