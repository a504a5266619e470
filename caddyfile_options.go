package payermax

import (
	"math"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Its syntax is
// that of payermax_sign.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	if d.NextArg() {
		return d.Errf("unexpected argument %q: payermax_sign takes its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		known, err := h.unmarshalOption(d)
		if err != nil {
			return err
		}
		if !known {
			return unrecognized(d, handlerOptions)
		}
	}
	return nil
}

// unmarshalOption sets the option that d stands on, if it is one of the
// handler's.
func (h *Handler) unmarshalOption(d *caddyfile.Dispenser) (known bool, err error) {
	if known, err := h.Merchant.unmarshalOption(d); known {
		return true, err
	}
	switch d.Val() {
	case "merchant":
		return true, h.unmarshalMerchant(d)
	case "endpoints":
		return true, unmarshalNames(d, &h.Endpoints)
	case "version":
		return true, h.unmarshalVersion(d)
	case "validation":
		return true, unmarshalText(d, &h.Validation)
	case "contract":
		return true, h.unmarshalContract(d)
	case "limits":
		return true, h.unmarshalLimits(d)
	case "shadow":
		return true, unmarshalFlag(d, &h.Shadow)
	case "follow_gateway_clock":
		return true, unmarshalFlag(d, &h.FollowGatewayClock)
	case "retry_repeatable":
		return true, unmarshalFlag(d, &h.RetryRepeatable)
	case "max_body_size":
		return true, unmarshalSize(d, &h.MaxBodySize)
	case "max_in_flight":
		return true, unmarshalCount(d, &h.MaxInFlight)
	case "max_wait":
		return true, unmarshalDuration(d, &h.MaxWait)
	case "timeout":
		return true, unmarshalDuration(d, &h.Timeout)
	default:
		return false, nil
	}
}

// unmarshalVersion reads the version of an endpoint, which is
// applyDropinSession if none is named.
func (h *Handler) unmarshalVersion(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	switch len(args) {
	case 1:
		args = []string{sessionEndpoint, args[0]}
	case 2:
	default:
		return d.ArgErr()
	}
	if _, ok := h.Versions[args[0]]; ok {
		return d.Errf("version of %s is already set", args[0])
	}
	if h.Versions == nil {
		h.Versions = make(map[string]string)
	}
	h.Versions[args[0]] = args[1]
	return nil
}

// unmarshalPath reads the one argument of an option that names a key's file.
func unmarshalPath(d *caddyfile.Dispenser, target *string) error {
	if err := unmarshalText(d, target); err != nil {
		return err
	}
	return requirePaths(d, *target)
}

// unmarshalPaths adds the arguments of an option that names files and may be
// repeated.
func unmarshalPaths(d *caddyfile.Dispenser, target *[]string) error {
	if err := unmarshalNames(d, target); err != nil {
		return err
	}
	return requirePaths(d, *target...)
}

// unmarshalNames adds the arguments of an option that lists names, at least one,
// and may be repeated.
func unmarshalNames(d *caddyfile.Dispenser, target *[]string) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return d.ArgErr()
	}
	*target = append(*target, names...)
	return nil
}

// unmarshalSize reads the one argument of an option whose value is a size.
func unmarshalSize(d *caddyfile.Dispenser, target *int64) error {
	name := d.Val()
	var text string
	if err := unmarshalOnce(d, *target != 0, &text); err != nil {
		return err
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > math.MaxInt64 {
		return d.Errf("%s must be a size such as 64KiB, but is %q", name, text)
	}
	*target = int64(size)
	return nil
}

// unmarshalCount reads the one argument of an option whose value is a number of
// things, at least one.
func unmarshalCount(d *caddyfile.Dispenser, target *int) error {
	name := d.Val()
	var text string
	if err := unmarshalOnce(d, *target != 0, &text); err != nil {
		return err
	}
	count, err := strconv.Atoi(text)
	if err != nil || count <= 0 {
		return d.Errf("%s must be a positive whole number, but is %q", name, text)
	}
	*target = count
	return nil
}

// unmarshalDuration reads the one argument of an option whose value is a
// duration.
func unmarshalDuration(d *caddyfile.Dispenser, target *caddy.Duration) error {
	name := d.Val()
	var text string
	if err := unmarshalOnce(d, *target != 0, &text); err != nil {
		return err
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return d.Errf("%s must be a duration such as 30s, but is %q", name, text)
	}
	*target = caddy.Duration(duration)
	return nil
}

// requirePaths refuses the text of a key where its path belongs. It is refused
// when the config is loaded as well, but by then Caddy may have logged it.
func requirePaths(d *caddyfile.Dispenser, paths ...string) error {
	if slices.ContainsFunc(paths, signer.LooksLikeKey) {
		return d.Err("the path of a file is expected here, but the value looks like a key itself; save the key to a file and name that")
	}
	return nil
}

// unmarshalFlag reads an option that is there or not.
func unmarshalFlag(d *caddyfile.Dispenser, target *bool) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	*target = true
	return nil
}

// unmarshalText reads the one argument of an option whose value is a text.
func unmarshalText(d *caddyfile.Dispenser, target *string) error {
	return unmarshalOnce(d, *target != "", target)
}

// unmarshalOnce reads the one argument of an option that may be set once.
func unmarshalOnce(d *caddyfile.Dispenser, isSet bool, target *string) error {
	if isSet {
		return d.Errf("%s is already set", d.Val())
	}
	if !d.AllArgs(target) {
		return d.ArgErr()
	}
	return nil
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
