package layout

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Places returns the layout of the server for which a handler is being provisioned, and the
// places in it where the handler may be: those of the handlers with the same config. It must
// be called before provisioning has changed the handler's config. It returns no layout for a
// handler that is loaded on its own.
func Places[T any](ctx caddy.Context, module string, own *T) (*Layout, []Handler) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil, nil
	}
	found := Read(map[string]any{"": ofServer(server)})
	return found, slices.DeleteFunc(slices.Clone(found.Handlers), func(h Handler) bool {
		return h.Module != module || !isConfigOf(h.Config, own)
	})
}

// isConfigOf reports whether a handler's JSON is equal to a module's config, whatever the
// order of its members.
func isConfigOf[T any](config object, own *T) bool {
	bare := maps.Clone(config)
	delete(bare, "handler")
	text, err := json.Marshal(bare)
	if err != nil {
		return false
	}
	other := new(T)
	if err := json.Unmarshal(text, other); err != nil {
		return false
	}
	mine := decoded(own)
	return mine != nil && reflect.DeepEqual(mine, decoded(other))
}
