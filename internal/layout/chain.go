package layout

import (
	"reflect"
	"slices"
)

// PassesOnTo returns the handlers of the same module that each request comes to which this
// one passes on, on its way through the same server.
func (l *Layout) PassesOnTo(h Handler) []Handler {
	return slices.DeleteFunc(slices.Clone(l.Handlers), func(other Handler) bool {
		return other.Module != h.Module || !hasWithin(h.after, other.Config) || !matchesAll(other, h)
	})
}

// Paths returns the path patterns of the matchers around the handler.
func (h Handler) Paths() []string { return h.pathsAround() }

// hasWithin reports whether some routes or handlers have this very one among them.
func hasWithin(nodes []any, handler object) bool {
	return slices.ContainsFunc(nodes, func(node any) bool {
		o := objectOf(node)
		return isSame(o, handler) || hasWithin(listOf(o["handle"]), handler) || hasWithin(listOf(o["routes"]), handler)
	})
}

// isSame reports whether two objects are one and the same, rather than alike.
func isSame(a, b object) bool {
	return a != nil && reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// matchesAll reports whether it is certain that a request which has come to the one handler
// passes the matchers around the other: they are among those around the first.
func matchesAll(other, one Handler) bool {
	return !slices.ContainsFunc(other.matches, func(match any) bool {
		return !slices.ContainsFunc(one.matches, func(own any) bool { return reflect.DeepEqual(match, own) })
	})
}
