package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// checkChain refuses a handler that passes notifications on to another handler with the same
// guard: the second guard would protect nothing. It must be called before provisioning has
// changed the config.
func checkChain(ctx caddy.Context, found *layout.Layout, places []layout.Handler) error {
	for _, first := range places {
		for _, second := range found.PassesOnTo(first) {
			if one := guardOf(ctx, first.Config); one.store != "" && one == guardOf(ctx, second.Config) {
				return fmt.Errorf("duplicates: payermax_notify for %s passes notifications on to payermax_notify for %s, and both share one guard in one store, so the second guard protects nothing; "+
					"remove duplicates from one of them, or give each a store with its own key_prefix", pathsOf(first), pathsOf(second))
			}
		}
	}
	return nil
}

// place is where a handler remembers duplicates: in which store, and by which keys.
type place struct {
	store string // "" if no other handler can share it
	scope stores.Scope
}

// guardOf returns where the handler with this JSON remembers duplicates, however the config
// spells it. A handler without a guard, or with a mistake that provisioning reports, has no
// place.
func guardOf(ctx caddy.Context, config map[string]any) place {
	text, err := json.Marshal(config)
	if err != nil {
		return place{}
	}
	var n Handler
	if err := json.Unmarshal(text, &n); err != nil || n.Duplicates <= 0 {
		return place{}
	}
	own, err := n.expandAddressees(caddy.NewReplacer())
	if err != nil {
		return place{}
	}
	return place{stores.IdentityOf(ctx, n.StoreRaw), scopeOf(own)}
}

// heldKey is the context key of requests for whose notification a handler has claimed a key.
type heldKey struct{ stores.Key }

// asHeld marks a request's context as belonging to a claim of the key.
func asHeld(ctx context.Context, key stores.Key) context.Context {
	return context.WithValue(ctx, heldKey{key}, true)
}

// isHeld reports whether a previous handler of the same request has claimed the key. Its
// claim is no reason for the next handler to refuse the notification. The next handler may
// use the same store even if the config does not show it, for example if two addresses lead
// to one server.
func isHeld(ctx context.Context, key stores.Key) bool {
	return ctx.Value(heldKey{key}) != nil
}

// pathsOf names a handler by the paths that it serves.
func pathsOf(h layout.Handler) string {
	if paths := h.Paths(); len(paths) > 0 {
		return strings.Join(paths, " and ")
	}
	return "all paths"
}
