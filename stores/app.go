package stores

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(new(App))
}

// appName is the ID of the module App.
const appName = "payermax_store"

// App is the store of all handlers in a config that have no `store` of their own.
type App struct {
	// Where handlers keep shared state: `memory`, or `redis` from the module
	// stores/redis.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=payermax.stores inline_key=module"`

	store Store
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  appName,
		New: func() caddy.Module { return new(App) },
	}
}

// Provision loads the store.
func (a *App) Provision(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		return errors.New("store: required; set it to the module that keeps the shared state, such as memory")
	}
	var err error
	if a.store, err = load(ctx, a, "StoreRaw", a.StoreRaw); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Start does nothing: the store is in use as soon as handlers are.
func (*App) Start() error { return nil }

// Stop does nothing: the store's own Cleanup closes it, after the handlers have stopped.
func (*App) Stop() error { return nil }

// Interface guards
var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
