package kms

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
)

// Limits limit how long requests wait for a remote key, and how many signatures it makes
// at once.
type Limits struct {
	// How long one signature may take, including the wait for its turn. A request whose
	// signature takes longer is refused, and nothing is sent to PayerMax. Default: `2s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How many signatures may be under way at once. Further requests wait for their turn,
	// for up to half of the timeout. Default: 8.
	MaxInFlight int `json:"max_in_flight,omitempty"`
}

var (
	// timeouts is the range of the option timeout.
	timeouts = grammar.Range{Least: "1ms", Most: "5m"}
	// refreshes is the range of the option refresh.
	refreshes = grammar.Range{Least: "1ms", Most: "365d"}
)

// validate refuses values outside their ranges. Zero stands for the default.
func (l Limits) validate() error {
	if err := timeouts.CheckDuration("timeout", l.Timeout); err != nil {
		return err
	}
	if l.MaxInFlight < 0 {
		return fmt.Errorf("max_in_flight must be positive, but is %d", l.MaxInFlight)
	}
	return nil
}

// options converts the limits to the signer's options. The signer applies the defaults.
func (l Limits) options() remote.Options {
	return remote.Options{Timeout: time.Duration(l.Timeout), MaxInFlight: l.MaxInFlight}
}

// unmarshalSource reads a source whose only argument is the key's URI, with its block of
// limits.
func unmarshalSource(d *caddyfile.Dispenser, uri *string, l *Limits) error {
	d.Next() // consume the source's name
	if !d.AllArgs(uri) {
		return grammar.ErrValues
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := l.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalOption reads one option of the block.
func (l *Limits) unmarshalOption(d *caddyfile.Dispenser) error {
	option := d.Val()
	var isSet bool
	switch option {
	case "timeout":
		isSet = l.Timeout != 0
	case "max_in_flight":
		isSet = l.MaxInFlight != 0
	default:
		return d.Errf("unrecognized subdirective %s", option)
	}
	if isSet {
		return d.Errf("%s is already set", option)
	}
	var text string
	if !d.AllArgs(&text) {
		return d.Errf("%s must have one value; %s", option, grammar.NotSet())
	}

	if option == "timeout" {
		var ok bool
		if l.Timeout, ok = timeouts.ParseDuration(text); !ok {
			return d.Errf("timeout must be a duration %v, such as 2s, but is %q%s", timeouts, text, grammar.AboutUnit(text))
		}
		return nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number <= 0 {
		return d.Errf("max_in_flight must be a number such as 8, but is %q", text)
	}
	l.MaxInFlight = number
	return nil
}
