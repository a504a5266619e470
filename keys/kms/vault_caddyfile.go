package kms

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// UnmarshalCaddyfile sets up the key source from Caddyfile tokens. Syntax:
//
//	vault <address> {
//	    key       <name>
//	    version   <number>
//	    mount     <path>
//	    namespace <path>
//
//	    # one of these two
//	    token_file <path>
//	    kubernetes <role> {
//	        mount                 <path>
//	        service_account_token <path>
//	    }
//
//	    ca            <path>
//	    timeout       <duration>
//	    max_in_flight <number>
//	    refresh       <duration>
//	}
//
// Only key and one of token_file and kubernetes are required.
func (v *Vault) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if !d.AllArgs(&v.Address) {
		return grammar.ErrValues
	}
	t := vaultTokens{d}
	return t.options(func(option string) error {
		switch option {
		case "key":
			return t.text(&v.KeyName)
		case "version":
			return t.number(&v.Version)
		case "mount":
			return t.text(&v.Mount)
		case "namespace":
			return t.text(&v.Namespace)
		case "token_file":
			return t.text(&v.TokenFile)
		case "kubernetes":
			v.Kubernetes = new(VaultKubernetes)
			return v.Kubernetes.unmarshalOptions(t)
		case "ca":
			return t.text(&v.CA)
		case "timeout":
			return t.duration(&v.Timeout, timeouts)
		case "max_in_flight":
			return t.number(&v.MaxInFlight)
		case "refresh":
			return t.duration(&v.Refresh, refreshes)
		}
		return d.Errf("the key source vault has no option %s", option)
	})
}

func (k *VaultKubernetes) unmarshalOptions(t vaultTokens) error {
	if err := t.text(&k.Role); err != nil {
		return err
	}
	return t.options(func(option string) error {
		switch option {
		case "mount":
			return t.text(&k.Mount)
		case "service_account_token":
			return t.text(&k.ServiceAccountToken)
		}
		return t.Errf("kubernetes has no option %s", option)
	})
}

// vaultTokens reads a block of options that have one argument each.
type vaultTokens struct{ *caddyfile.Dispenser }

// options calls read with the name of each option of the following block, if there is
// one. It refuses an option that occurs twice.
func (t vaultTokens) options(read func(option string) error) error {
	seen := make(map[string]bool)
	for nesting := t.Nesting(); t.NextBlock(nesting); {
		option := t.Val()
		if seen[option] {
			return t.Errf("%s is already set", option)
		}
		seen[option] = true
		if err := read(option); err != nil {
			return err
		}
	}
	return nil
}

func (t vaultTokens) text(target *string) error {
	option := t.Val()
	if !t.AllArgs(target) {
		return t.Errf("%s must have one value; %s", option, grammar.NotSet())
	}
	return nil
}

func (t vaultTokens) number(target *int) error {
	option, value := t.Val(), ""
	if err := t.text(&value); err != nil {
		return err
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return t.Errf("%s: %q is not a number from 1 on%s", option, value, grammar.Unexpanded(value))
	}
	*target = n
	return nil
}

func (t vaultTokens) duration(target *caddy.Duration, within grammar.Range) error {
	option, value := t.Val(), ""
	if err := t.text(&value); err != nil {
		return err
	}
	var ok bool
	if *target, ok = within.ParseDuration(value); !ok {
		return t.Errf("%s: %q is not a duration %v, such as 2s%s%s", option, value, within, grammar.Unexpanded(value), grammar.AboutUnit(value))
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Vault)(nil)
)
