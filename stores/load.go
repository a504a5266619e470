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
		return load(ctx, owner, field)
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

// IsShared reports whether handlers that configure no store share one (`payermax_store`).
func IsShared(ctx caddy.Context) bool {
	_, err := ctx.AppIfConfigured(appName)
	return err == nil
}

func load(ctx caddy.Context, owner any, field string) (Store, error) {
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
