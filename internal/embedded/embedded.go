// Package embedded has what a config's embedded sandboxes share with those who verify
// what they sign: one key.
package embedded

import (
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

const name = "payermax_embedded_sandbox"

func init() { caddy.RegisterModule(new(App)) }

// App is a Caddy app that is in no config: Caddy makes one for each config whose
// handlers ask for it, and none of it outlives that config. It has no options.
type App struct {
	key func() (*rsa.PrivateKey, error)
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: name, New: func() caddy.Module { return new(App) }}
}

// Provision gets ready to generate the key, which takes some time and is only done if
// it is asked for.
func (a *App) Provision(caddy.Context) error {
	a.key = sync.OnceValues(sandbox.GenerateKey)
	return nil
}

// Start does nothing: there is nothing to run.
func (*App) Start() error { return nil }

// Stop does nothing.
func (*App) Stop() error { return nil }

// Key returns the key that the embedded sandboxes of the config sign with.
func Key(ctx caddy.Context) (*rsa.PrivateKey, error) {
	app, err := ctx.App(name)
	if err != nil {
		return nil, fmt.Errorf("the embedded sandbox's key: %w", err)
	}
	return app.(*App).key()
}

// Interface guards
var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
