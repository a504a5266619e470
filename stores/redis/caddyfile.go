package redis

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// Options are the options of the store redis.
var Options = grammar.Block[Settings]{
	{Name: "address", Args: "<addresses...>", Example: "address redis.payments.svc:6379",
		Sets: grammar.Names(func(s *Settings) *[]string { return &s.Addresses })},
	{Name: "sentinel_master", Args: "<name>", Example: "sentinel_master payermax",
		Sets: grammar.Text(func(s *Settings) *string { return &s.SentinelMaster })},
	{Name: "sentinel_password_file", Args: "<path>", Example: "sentinel_password_file /run/secrets/sentinel/password",
		Sets: grammar.Text(func(s *Settings) *string { return &s.SentinelPasswordFile })},
	{Name: "cluster", Example: "cluster",
		Sets: grammar.Flag(func(s *Settings) *bool { return &s.Cluster })},
	{Name: "tls", Example: `tls {
	trust_pool file /etc/redis/ca.pem
}`,
		Sets: grammar.Nested(func(s *Settings) **TLS { return &s.TLS }, tlsOptions)},
	{Name: "username", Args: "<name>", Example: "username payermax",
		Sets: grammar.Text(func(s *Settings) *string { return &s.Username })},
	{Name: "password_file", Args: "<path>", Example: "password_file /run/secrets/redis/password",
		Sets: grammar.Text(func(s *Settings) *string { return &s.PasswordFile })},
	{Name: "key_prefix", Args: "<text>", Example: "key_prefix payermax-uat:",
		Sets: grammar.Text(func(s *Settings) *string { return &s.KeyPrefix })},
	{Name: "timeout", Args: "<duration>", Example: "timeout 200ms",
		Sets: grammar.Duration(func(s *Settings) *caddy.Duration { return &s.Timeout }, grammar.Range{Least: "1ms", Most: "1m"})},
}

// tlsOptions are the options of tls.
var tlsOptions = grammar.Block[TLS]{
	{Name: "trust_pool", Args: "<module> [...]", Example: "trust_pool file /etc/redis/ca.pem",
		Sets: grammar.Into(func(t *TLS) *json.RawMessage { return &t.TrustPoolRaw }, trustPools.ReadInto)},
	{Name: "server_name", Args: "<name>", Example: "server_name redis.example.com",
		Sets: grammar.Text(func(t *TLS) *string { return &t.ServerName })},
	{Name: "client_certificate", Args: "<certificate> <key>", Example: "client_certificate /run/secrets/redis/tls.crt /run/secrets/redis/tls.key",
		Sets: grammar.By(readClientCertificate,
			func(t *TLS) any { return &t.Certificate }, func(t *TLS) any { return &t.Key })},
}

// trustPools are the modules that provide certificate authorities.
var trustPools = grammar.Guests{Namespace: "tls.ca_pool.source", Key: "provider", AreOthers: true}

// readClientCertificate reads the paths of a certificate and its key.
func readClientCertificate(d *caddyfile.Dispenser, t *TLS) error {
	name := d.Val()
	if t.Certificate != "" {
		return d.Errf("%s is already set", name)
	}
	if !d.AllArgs(&t.Certificate, &t.Key) {
		return grammar.ErrValues
	}
	return grammar.CheckPaths(d, name, t.Certificate, t.Key)
}

// UnmarshalCaddyfile sets up the store from Caddyfile tokens:
//
//	redis {
//	    <options...>
//	}
//
// The options are in the README of this module.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the module's name
	return Options.Read(d, &s.Settings)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Store)(nil)
