package notify

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// checkChain refuses a handler that passes notifications on to another one with the same
// guard: that would take the claim of the first for a delivery by somebody else, and
// refuse each notification. It must be called before provisioning has changed the config.
func checkChain(ctx caddy.Context, found *layout.Layout, places []layout.Handler) error {
	for _, first := range places {
		for _, second := range found.PassesOnTo(first) {
			if haveOneGuard(first.Config, second.Config, stores.IsShared(ctx)) {
				return fmt.Errorf("duplicates: payermax_notify for %s passes notifications on to payermax_notify for %s, and both have one guard in one store, so that the second would refuse each of them; "+
					"remove duplicates from one of them, or give each a store with a key_prefix of its own", pathsOf(first), pathsOf(second))
			}
		}
	}
	return nil
}

// haveOneGuard reports whether two handlers, by their JSON, remember duplicates for the
// same merchants in the same store. hasCommonStore is set if handlers that name none share
// one.
func haveOneGuard(one, other map[string]any, hasCommonStore bool) bool {
	if one["duplicates"] == nil || other["duplicates"] == nil {
		return false
	}
	for _, merchants := range []string{"app_ids", "merchant_nos"} {
		if !slices.Equal(slices.Sorted(slices.Values(layout.Texts(one[merchants]))), slices.Sorted(slices.Values(layout.Texts(other[merchants])))) {
			return false
		}
	}
	if store, isNamed := one["store"].(map[string]any); isNamed {
		return store["module"] != "memory" && reflect.DeepEqual(one["store"], other["store"]) // each memory is another
	}
	return other["store"] == nil && hasCommonStore
}

// pathsOf names a handler by what it is for.
func pathsOf(h layout.Handler) string {
	if paths := h.Paths(); len(paths) > 0 {
		return strings.Join(paths, " and ")
	}
	return "all paths"
}
