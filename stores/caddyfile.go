package stores

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

func init() {
	httpcaddyfile.RegisterGlobalOption(appName, parseApp)
}

// guests are the modules that implement a store.
var guests = grammar.Guests{Namespace: "payermax.stores", Key: "module", Elsewhere: "redis is part of builds with the module stores/redis"}

// ReadStore reads the name of a store's module, and lets the module read the rest.
func ReadStore(d *caddyfile.Dispenser, target *json.RawMessage) error {
	return guests.ReadInto(d, target)
}

// appOption is the global option payermax_store.
var appOption = grammar.Block[App]{{Name: appName, Args: "<module> [...]", Example: appName + " redis {",
	Sets: grammar.Into(func(a *App) *json.RawMessage { return &a.StoreRaw }, ReadStore)}}

// parseApp sets up the store of all handlers as a global option:
//
//	payermax_store <module> [...]
func parseApp(d *caddyfile.Dispenser, present any) (any, error) {
	d.Next() // or an error would not name its line
	if present != nil {
		return nil, d.Errf("%s is already set; it is the store of all handlers that name none", appName)
	}
	a := new(App)
	if _, err := appOption.ReadOption(d, a); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: appName, Value: caddyconfig.JSON(a, nil)}, nil
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens:
//
//	memory
func (*Memory) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the module's name
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Err("store memory takes no options")
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Memory)(nil)
