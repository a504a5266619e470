// Package embedded has what a config's embedded sandboxes share with those who verify
// what they sign: one key.
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

// App is a Caddy app that is in no config: Caddy makes one for each config whose
// handlers ask for it, and none of it outlives that config. It has no options.
type App struct {
	key    func() (*rsa.PrivateKey, error)
	halves Halves
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: name, New: func() caddy.Module { return new(App) }}
}

// Provision gets ready to generate the key, which takes some time and is only done if
// it is asked for.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.key = sync.OnceValues(sandbox.GenerateKey)
	return nil
}

// Start warns of a half of a set-up that lacks the other. By now, all handlers are known;
// there is nothing to run.
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

// NoteMerchants notes the merchants that an embedded sandbox knows.
func NoteMerchants(ctx caddy.Context, merchants ...Merchant) error {
	app, err := of(ctx)
	if err == nil {
		app.halves.Merchants = append(app.halves.Merchants, merchants...)
	}
	return err
}

// VerifyingKey returns the key that the embedded sandboxes' notifications are verified by,
// by a handler that lets those for the addressees pass.
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

// NoteOtherKey notes a handler that verifies notifications by a key in a file.
func NoteOtherKey(ctx caddy.Context) error {
	app, err := of(ctx)
	if err == nil {
		app.halves.ByFile++
	}
	return err
}

// of returns what the handlers of a config share.
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
