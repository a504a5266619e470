package layout

import (
	"fmt"
	"slices"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Unserved reports that a call to one of PayerMax's endpoints certainly reaches no handler of
// this handler's site, so that it looks answered. Otherwise it returns nothing.
func (h Handler) Unserved() []Misplacement {
	routes := listOf(h.Server["routes"])
	if h.forErrors || h.open || isRefusedInTheEnd(routes) {
		return nil
	}
	for _, endpoint := range protocol.Endpoints() {
		if _, is := firstAnswer(routes, h.hostMatchers(), endpoint.Path()); is == never {
			return []Misplacement{{
				fmt.Sprintf("no handler of the site serves a call to %s: it gets Caddy's empty 200 and is not signed", endpoint.Path()),
				"write payermax without a matcher, outside handle blocks, or add a handle block for the rest with respond 404",
			}}
		}
	}
	return nil
}

// hostMatchers returns the matchers of the routes around the handler that match only hosts,
// which are those of its site.
func (h Handler) hostMatchers() []any {
	return slices.DeleteFunc(slices.Clone(h.matches), func(match any) bool {
		return slices.ContainsFunc(listOf(match), func(set any) bool {
			return len(objectOf(set)) != 1 || objectOf(set)["host"] == nil
		})
	})
}

// isRefusedInTheEnd reports whether routes contain a handler that answers 404 to requests
// that reach no other handler.
func isRefusedInTheEnd(routes []any) bool {
	return slices.ContainsFunc([]string{Guard, Health, NotFound}, func(module string) bool { return hasModule(routes, module) })
}
