// Package embedded holds the key that a config's embedded sandboxes share with the
// handlers that verify what they sign.
package embedded

import (
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

const name = "payermax_embedded_sandbox"

func init() { caddy.RegisterModule(new(App)) }

// App is a Caddy app that is never configured: Caddy creates one for each config whose
// handlers ask for it, and it does not outlive that config. It has no options.
type App struct {
	key    func() (*rsa.PrivateKey, error)
	halves Halves
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: name, New: func() caddy.Module { return new(App) }}
}

// Provision prepares to generate the key. That takes some time, so it is only done when
// the key is needed.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.key = sync.OnceValues(sandbox.GenerateKey)
	return nil
}

// Start logs a warning if one half of the setup is missing. All handlers are known by
// then. There is nothing to run.
func (a *App) Start() error {
	if message, next := a.halves.Mismatch(); message != "" {
		a.logger.Warn(message + "; " + next)
	}
	return nil
}

// Stop does nothing.
func (*App) Stop() error { return nil }

// SigningKey returns the key for an embedded sandbox to sign with.
func SigningKey(ctx caddy.Context) (*rsa.PrivateKey, error) {
	app, err := of(ctx)
	if err != nil {
		return nil, err
	}
	app.halves.Sandboxes++
	return app.key()
}

// NoteMerchants records the merchants that an embedded sandbox knows.
func NoteMerchants(ctx caddy.Context, merchants ...Merchant) error {
	app, err := of(ctx)
	if err == nil {
		app.halves.Merchants = append(app.halves.Merchants, merchants...)
	}
	return err
}

// VerifyingKey returns the key that verifies the embedded sandboxes' notifications. whose
// are the addressees whose notifications the calling handler accepts.
func VerifyingKey(ctx caddy.Context, whose Addressees) (*rsa.PublicKey, error) {
	app, err := of(ctx)
	if err != nil {
		return nil, err
	}
	app.halves.Verifying = append(app.halves.Verifying, whose)
	key, err := app.key()
	if err != nil {
		return nil, err
	}
	return &key.PublicKey, nil
}

// NoteOtherKey records a handler that verifies notifications with a key in a file.
func NoteOtherKey(ctx caddy.Context) error {
	app, err := of(ctx)
	if err == nil {
		app.halves.ByFile++
	}
	return err
}

// of returns the App that the handlers of a config share.
func of(ctx caddy.Context) (*App, error) {
	app, err := ctx.App(name)
	if err != nil {
		return nil, fmt.Errorf("the embedded sandbox's key: %w", err)
	}
	return app.(*App), nil
}

// Interface guards
var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
