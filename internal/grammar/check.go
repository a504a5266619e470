package grammar

import (
	"errors"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Once reads the one argument of an option that may be set once.
func Once(d *caddyfile.Dispenser, isSet bool, target *string) error {
	if isSet {
		return d.Errf("%s is already set", d.Val())
	}
	name := d.Val()
	if !d.AllArgs(target) {
		return ErrValues
	}
	return NotEmpty(d, name, *target)
}

// NotEmpty refuses "" as a value. That is what "{$NAME}" becomes if the variable is not set,
// and it would look like an option that was omitted.
func NotEmpty(d *caddyfile.Dispenser, name, value string) error {
	if value == "" {
		return d.Errf("%s is empty; set it, or leave it out; %s", name, NotSet())
	}
	return nil
}

// NoArgs refuses an argument where a block is expected. The error does not repeat the
// argument, which may be a server's URL with its password.
func NoArgs(d *caddyfile.Dispenser) error {
	name := d.Val()
	if d.NextArg() {
		return d.Errf("unexpected argument after %s, which takes its options in a block", name)
	}
	return nil
}

// CheckPaths refuses the text of a key in place of its path, for the option of that name.
// It is also refused when the config is loaded, but by then Caddy may have logged it.
func CheckPaths(d *caddyfile.Dispenser, name string, paths ...string) error {
	if slices.ContainsFunc(paths, signer.LooksLikeKey) {
		return d.Errf("%s: expected the path of a file, but the value looks like a key itself; save the key to a file and write its path", name)
	}
	return nil
}

// CheckPlaceholder refuses a token in place of a placeholder for it.
func CheckPlaceholder(token string) error {
	if !strings.Contains(token, "{") {
		return errors.New("expected a placeholder such as {file./run/secrets/payermax/token}; the token itself would be in the config, which Caddy saves and shows")
	}
	return nil
}
