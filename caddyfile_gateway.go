package payermax

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// gatewayOption is where the calls of a payermax block go.
type gatewayOption struct {
	// upstreams are the URLs of the gateway and of its backup.
	upstreams []string
	// sandbox is set if the embedded sandbox takes their place, and
	// sandboxWithCredentials if a merchant's credentials may stand beside it.
	sandbox, sandboxWithCredentials bool
}

// readGateway reads where calls go.
//
// There is no default. A variable that is not set leaves nothing to read, and
// must not lead anywhere: neither to PayerMax nor to the sandbox.
func readGateway(d *caddyfile.Dispenser, b *payermaxBlock) error {
	if b.gateway != nil {
		return d.Err("gateway is already set")
	}
	args := d.RemainingArgs()
	isEmpty := func(arg string) bool { return strings.TrimSpace(arg) == "" }
	switch {
	case !slices.ContainsFunc(args, func(arg string) bool { return !isEmpty(arg) }):
		return d.Err("gateway is empty: expected uat, production, sandbox or a URL such as https://host. " +
			"Where the Caddyfile takes it from the environment, set that variable, such as PAYERMAX_GATEWAY=uat for gateway {$PAYERMAX_GATEWAY}")
	case len(args) > 2:
		return d.ArgErr()
	case slices.Equal(args, []string{gatewaySandbox}):
		b.gateway = &gatewayOption{sandbox: true}
		return nil
	case slices.Equal(args, []string{gatewaySandbox, gatewaySandbox}):
		b.gateway = &gatewayOption{sandbox: true, sandboxWithCredentials: true}
		return nil
	}
	upstreams, err := gatewayURLsOf(args[0], args[1:]...)
	if err != nil {
		return d.Errf("gateway: %w", err)
	}
	b.gateway = &gatewayOption{upstreams: upstreams}
	return nil
}
