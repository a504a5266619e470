package stores

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// Load loads the store that raw configures, which is a field of the struct that owner points
// to. If raw is nil, it returns the store of the whole config, if there is one
// (`payermax_store`), and otherwise a new memory store for the caller alone.
func Load(ctx caddy.Context, owner any, field string, raw json.RawMessage) (Store, error) {
	if raw != nil {
		return load(ctx, owner, field, raw)
	}
	app, err := ctx.AppIfConfigured(appName)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return NewMemory(), nil
	}
	if err != nil {
		return nil, err
	}
	return app.(*App).store, nil
}

// IdentityOf returns the Identity of the store that Load would load for raw, without opening
// it. No other store has the same identity. It is "" if the store is the handler's own
// memory, or if raw contains a mistake, which Load reports.
func IdentityOf(ctx caddy.Context, raw json.RawMessage) string {
	if raw == nil {
		app, err := ctx.AppIfConfigured(appName)
		if err != nil {
			return ""
		}
		if store, isIdentified := app.(*App).store.(Identified); isIdentified {
			return store.Identity()
		}
		return appName // whatever the store is, there is only one
	}
	var named struct{ Module string }
	if err := json.Unmarshal(raw, &named); err != nil {
		return ""
	}
	module, err := caddy.GetModule(guests.Namespace + "." + named.Module)
	if err != nil {
		return ""
	}
	store := module.New()
	if err := json.Unmarshal(raw, store); err != nil {
		return ""
	}
	if _, isMemory := store.(*Memory); isMemory {
		return "" // each memory store is separate
	}
	if store, isIdentified := store.(Identified); isIdentified {
		return store.Identity()
	}
	return string(raw)
}

func load(ctx caddy.Context, owner any, field string, raw json.RawMessage) (Store, error) {
	if err := guests.CheckRaw(raw); err != nil {
		return nil, err
	}
	module, err := ctx.LoadModule(owner, field)
	if err != nil {
		return nil, err
	}
	store, ok := module.(Store)
	if !ok {
		return nil, fmt.Errorf("module %T is not a store", module)
	}
	return store, nil
}
