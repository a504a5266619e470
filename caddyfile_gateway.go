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

// unmarshalGateway reads the option gateway:
//
//	gateway uat|production|<url> [<backup_url>]
//	gateway sandbox [sandbox]
//
// There is no default. A variable that is not set leaves nothing to read, and
// must not lead anywhere: neither to PayerMax nor to the sandbox.
func unmarshalGateway(d *caddyfile.Dispenser) (*gatewayOption, error) {
	args := d.RemainingArgs()
	isEmpty := func(arg string) bool { return strings.TrimSpace(arg) == "" }
	switch {
	case !slices.ContainsFunc(args, func(arg string) bool { return !isEmpty(arg) }):
		return nil, d.Err("gateway is empty: expected uat, production, sandbox or a URL such as https://host. " +
			"Where the Caddyfile takes it from the environment, set that variable, such as PAYERMAX_GATEWAY=uat for gateway {$PAYERMAX_GATEWAY}")
	case len(args) > 2:
		return nil, d.ArgErr()
	case slices.Equal(args, []string{gatewaySandbox}):
		return &gatewayOption{sandbox: true}, nil
	case slices.Equal(args, []string{gatewaySandbox, gatewaySandbox}):
		return &gatewayOption{sandbox: true, sandboxWithCredentials: true}, nil
	}
	upstreams, err := gatewayURLsOf(args[0], args[1:]...)
	if err != nil {
		return nil, d.Errf("gateway: %w", err)
	}
	return &gatewayOption{upstreams: upstreams}, nil
}
