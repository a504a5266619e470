package payermax

import (
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(new(adminRouter))
	caddy.RegisterModule(new(adminEndpoint))
}

// Whoever reaches Caddy's admin endpoint, which is on by default, can have Caddy
// serve the key file. A module cannot see whether it is on. But Caddy provisions
// the routers of an admin endpoint that is on, and of no other, before the apps
// of the same config. So a router of ours, which routes nothing, leaves an app in
// the config, and the handlers of that config look for it.

// adminRouter is provisioned with each config whose admin endpoint is on.
type adminRouter struct{}

// CaddyModule returns the Caddy module information.
func (*adminRouter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.payermax",
		New: func() caddy.Module { return new(adminRouter) },
	}
}

// Provision leaves the sign in the config.
func (*adminRouter) Provision(ctx caddy.Context) error {
	_, err := ctx.App(adminEndpointApp)
	return err
}

// Routes returns none.
func (*adminRouter) Routes() []caddy.AdminRoute { return nil }

// adminEndpointApp is the name of adminEndpoint as an app.
const adminEndpointApp = "payermax_admin_endpoint"

// adminEndpoint is an app of each config whose admin endpoint is on. It is not
// meant to be configured.
type adminEndpoint struct{ warned sync.Once }

// CaddyModule returns the Caddy module information.
func (*adminEndpoint) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  adminEndpointApp,
		New: func() caddy.Module { return new(adminEndpoint) },
	}
}

// Start does nothing: Caddy itself serves the endpoint.
func (*adminEndpoint) Start() error { return nil }

// Stop does nothing.
func (*adminEndpoint) Stop() error { return nil }

// warnOfAdminEndpoint warns, once for each config, that its admin endpoint is on.
func warnOfAdminEndpoint(ctx caddy.Context, logger *zap.Logger) {
	app, err := ctx.AppIfConfigured(adminEndpointApp)
	if err != nil {
		return // it is off, or the config is only being validated
	}
	app.(*adminEndpoint).warned.Do(func() {
		logger.Warn("Caddy's admin endpoint is on: whoever reaches it can read the key files and give the sidecar another configuration; " +
			"write admin off into the global options, or give it a Unix socket that only root can reach")
	})
}

// Interface guards
var (
	_ caddy.AdminRouter = (*adminRouter)(nil)
	_ caddy.Provisioner = (*adminRouter)(nil)
	_ caddy.App         = (*adminEndpoint)(nil)
)
