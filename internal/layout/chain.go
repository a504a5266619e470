package layout

import (
	"reflect"
	"slices"
)

// PassesOnTo returns the handlers of the same module that every request reaches after this
// one passes it on, within the same server.
func (l *Layout) PassesOnTo(h Handler) []Handler {
	return slices.DeleteFunc(slices.Clone(l.Handlers), func(other Handler) bool {
		return other.Module != h.Module || !hasWithin(h.after, other.Config) || !matchesAll(other, h)
	})
}

// Paths returns the path patterns of the matchers around the handler.
func (h Handler) Paths() []string { return h.pathsAround() }

// hasWithin reports whether routes or handlers contain this very handler.
func hasWithin(nodes []any, handler object) bool {
	return slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		return isSame(o, handler) || hasWithin(listOf(o["handle"]), handler) || hasWithin(listOf(o["routes"]), handler)
	})
}

// isSame reports whether two objects are identical, rather than equal.
func isSame(a, b object) bool {
	return a != nil && reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// matchesAll reports whether it is certain that a request that has reached the handler one
// passes the matchers around other: they are among those around one.
func matchesAll(other, one Handler) bool {
	return !slices.ContainsFunc(other.matches, func(match any) bool {
		return !slices.ContainsFunc(one.matches, func(own any) bool { return reflect.DeepEqual(match, own) })
	})
}
