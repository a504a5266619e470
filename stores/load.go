package stores

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// Load loads the store that raw configures, a field of the struct that owner points to.
// If raw is nil, it is the store of the whole config, if that names one
// (`payermax_store`), and otherwise memory that is the caller's own.
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
// it, as a text that no other store has. It is "" if the store is the handler's own memory,
// or if there is a mistake in raw, which Load reports.
func IdentityOf(ctx caddy.Context, raw json.RawMessage) string {
	if raw == nil {
		app, err := ctx.AppIfConfigured(appName)
		if err != nil {
			return ""
		}
		if store, isIdentified := app.(*App).store.(Identified); isIdentified {
			return store.Identity()
		}
		return appName // whatever it is, it is one
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
		return "" // each is another
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
