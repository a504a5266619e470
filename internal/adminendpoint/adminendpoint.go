// Package adminendpoint warns if Caddy's admin endpoint is on, which is the default: any
// client that reaches it can make Caddy serve the key file.
//
// A module cannot see whether the endpoint is on, or where. But Caddy provisions the
// endpoint's routers only if it is on, and before the apps of the same config. So this
// package registers a router without routes, which adds an app to the config, and the
// handlers of that config look for the app.
package adminendpoint

import (
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(new(router))
	caddy.RegisterModule(new(app))
}

// router is provisioned with each config whose admin endpoint is on.
type router struct{}

// CaddyModule returns the Caddy module information.
func (*router) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.payermax",
		New: func() caddy.Module { return new(router) },
	}
}

// Provision adds the app to the config.
func (*router) Provision(ctx caddy.Context) error {
	_, err := ctx.App(appName)
	return err
}

// Routes returns no routes.
func (*router) Routes() []caddy.AdminRoute { return nil }

// appName is the app's module name.
const appName = "payermax_admin_endpoint"

// app is part of each config whose admin endpoint is on. It is not meant to be
// configured.
type app struct{ warned sync.Once }

// CaddyModule returns the Caddy module information.
func (*app) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  appName,
		New: func() caddy.Module { return new(app) },
	}
}

// Start does nothing: Caddy itself serves the endpoint.
func (*app) Start() error { return nil }

// Stop does nothing.
func (*app) Stop() error { return nil }

// Warn logs a warning, once per config, if its admin endpoint is on.
func Warn(ctx caddy.Context, logger *zap.Logger) {
	found, err := ctx.AppIfConfigured(appName)
	if err != nil {
		return // the endpoint is off, or the config is only being validated
	}
	found.(*app).warned.Do(func() {
		logger.Warn("Caddy's admin endpoint is on: whoever reaches it can read the key files and give the sidecar another configuration; " +
			"write admin off in the global options; a Unix socket that only root can reach is safe as well, although this warning appears with it too")
	})
}

// Interface guards
var (
	_ caddy.AdminRouter = (*router)(nil)
	_ caddy.Provisioner = (*router)(nil)
	_ caddy.App         = (*app)(nil)
)
