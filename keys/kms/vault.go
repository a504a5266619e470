package kms

import (
	"context"
	"crypto"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
)

func init() {
	caddy.RegisterModule(new(Vault))
}

const (
	defaultVaultMount           = "transit"
	defaultVaultKubernetesMount = "kubernetes"
	defaultVaultRefresh         = time.Minute
	defaultServiceAccountToken  = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// Vault signs with an RSA key of the transit engine of HashiCorp Vault or OpenBao.
// The private key never leaves the server; what is sent to it is a SHA-256 digest.
//
// The token needs a policy with two permissions, here for the key `payermax` under
// the mount `transit`:
//
//	path "transit/keys/payermax"          { capabilities = ["read"] }
//	path "transit/sign/payermax/sha2-256" { capabilities = ["update"] }
//
// Tokens come from files, never from the config. They are renewed after two thirds of
// their TTL. The Kubernetes login is repeated when renewal is refused, when the max TTL
// is near and when the token is denied. A token file is read again when it changes and
// when the token is denied.
//
// The public key is read when the config is loaded, which fails if the server does not
// return it, and then at intervals of `refresh`. If the key was rotated, the new version
// signs soon after, and requests under way finish with the old one. PayerMax accepts the
// new version only after its public key was uploaded. So a key that is rotated on a
// schedule (`auto_rotate_period`) should be pinned with `version`; `next_key` can then
// name the next version.
//
// Each signature is verified with the public key before it is used. While the server is
// unreachable, sealed or too slow, requests are refused at once instead of queueing up,
// and the last good version of the key stays in use.
//
// When a config is replaced, its token is not revoked, since requests under way may still
// need it. The token expires with its TTL, so give the role a short TTL.
//
// The client was tested against a stand-in that implements the documented HTTP API and
// makes real signatures, but not against a running Vault or OpenBao.
type Vault struct {
	// The server's address, such as `https://vault.example.com:8200`. Plain `http` is
	// only accepted for this machine, such as for a Vault Agent at
	// `http://127.0.0.1:8200`. Redirects are not followed, because the token would be
	// sent along: with several nodes, give the address of the load balancer. Required.
	// Placeholders are expanded when the config is loaded.
	Address string `json:"address,omitempty"`

	// The name of the transit key. Its type must be `rsa-2048`, `rsa-3072` or
	// `rsa-4096`. Required. Placeholders are expanded when the config is loaded.
	KeyName string `json:"key,omitempty"`

	// The version of the key that signs. Default: the latest, including newer versions
	// that are created later.
	Version int `json:"version,omitempty"`

	// The mount path of the transit engine. Default: `transit`. Placeholders are expanded
	// when the config is loaded.
	Mount string `json:"mount,omitempty"`

	// The namespace of the transit engine and of the auth method, which is sent as
	// `X-Vault-Namespace`. Default: none. Placeholders are expanded when the config
	// is loaded.
	Namespace string `json:"namespace,omitempty"`

	// The absolute path of a file that contains a token and nothing else, such as a sink
	// of Vault Agent; the sink must neither wrap nor encrypt the token. The file is
	// checked every five seconds. Either this or `kubernetes` is required. Placeholders
	// are expanded when the config is loaded; the value is a path, never the token
	// itself.
	TokenFile string `json:"token_file,omitempty"`

	// How to log in as a Kubernetes service account.
	Kubernetes *VaultKubernetes `json:"kubernetes,omitempty"`

	// The path of a PEM file with the certificate authorities that are trusted for the
	// server's certificate. It is read when the config is loaded. Default: the system's
	// authorities. Placeholders are expanded when the config is loaded.
	CA string `json:"ca,omitempty"`

	// How long one signature may take, and any other request to the server, such as a
	// login. Default: `2s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How many signatures may be under way at once. Default: 8.
	MaxInFlight int `json:"max_in_flight,omitempty"`

	// How often the server is asked whether the key was rotated. Default: `1m`.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	client *vault.Client
	key    *vaultKey
	stop   context.CancelFunc
	keep   sync.WaitGroup
}

// VaultKubernetes logs in to the server's Kubernetes auth method.
type VaultKubernetes struct {
	// The role to log in for. Required. Placeholders are expanded when the config
	// is loaded.
	Role string `json:"role,omitempty"`

	// The mount path of the auth method, without `auth/`. Default: `kubernetes`.
	// Placeholders are expanded when the config is loaded.
	Mount string `json:"mount,omitempty"`

	// The absolute path of the file with the service account's token, which is
	// read for each login. Default:
	// `/var/run/secrets/kubernetes.io/serviceaccount/token`. Placeholders are
	// expanded when the config is loaded; the value is a path, never the token
	// itself.
	ServiceAccountToken string `json:"service_account_token,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Vault) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.vault",
		New: func() caddy.Module { return new(Vault) },
	}
}

// Provision sets the defaults, checks the options and starts to load the key. It does not
// wait for the server; [Vault.Key] does.
func (v *Vault) Provision(ctx caddy.Context) error {
	if v.Timeout == 0 {
		v.Timeout = caddy.Duration(remote.DefaultTimeout)
	}
	if v.MaxInFlight == 0 {
		v.MaxInFlight = remote.DefaultMaxInFlight
	}
	if v.Refresh == 0 {
		v.Refresh = caddy.Duration(defaultVaultRefresh)
	}
	if err := v.checkNumbers(); err != nil {
		return err
	}
	settings, err := v.expand(caddy.NewReplacer())
	if err != nil {
		return err
	}

	log := ctx.Slogger()
	v.client = vault.NewClient(vault.Options{
		Address:   settings.address,
		Namespace: settings.namespace,
		RootCAs:   settings.roots,
		Timeout:   time.Duration(v.Timeout),
		MaxConns:  v.MaxInFlight + 2, // two more, to renew the token and read the key at the same time
	})
	session := vault.NewSession(v.client, settings.method, log)
	v.key = newVaultKey(&vaultKey{
		session: session,
		transit: vault.Transit{Client: v.client, Mount: settings.mount, Key: settings.key},
		version: v.Version,
		refresh: time.Duration(v.Refresh),
		options: remote.Options{Timeout: time.Duration(v.Timeout), MaxInFlight: v.MaxInFlight},
		log:     log,
	})

	keeping, stop := context.WithCancel(ctx)
	v.stop = stop
	v.keep.Go(func() { session.Keep(keeping) })
	v.keep.Go(func() { v.key.keep(keeping) })
	return nil
}

// checkNumbers checks the numeric options. Provision calls it, because it needs the
// numbers, and Caddy calls Validate only later.
func (v *Vault) checkNumbers() error {
	if err := timeouts.CheckDuration("timeout", v.Timeout); err != nil {
		return err
	}
	if err := refreshes.CheckDuration("refresh", v.Refresh); err != nil {
		return err
	}
	switch {
	case v.MaxInFlight < 0:
		return fmt.Errorf("max_in_flight: must be positive, but is %d", v.MaxInFlight)
	case v.Version < 0:
		return fmt.Errorf("version: must be positive, but is %d", v.Version)
	}
	return nil
}

// Key returns the version of the key that signs now, and its fingerprint. The first call
// waits until the first attempt to load the key has succeeded or failed. If it failed,
// the error says why, and loading is retried with increasing delays.
func (v *Vault) Key() (key crypto.Signer, fingerprint string, err error) {
	return v.key.current()
}

// Cleanup stops renewing the token and refreshing the key. Keys that Key has returned can
// still sign, for requests that are under way.
func (v *Vault) Cleanup() error {
	if v.stop == nil {
		return nil // Provision failed before there was anything to clean up
	}
	v.stop()
	v.keep.Wait()
	v.client.Close()
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner  = (*Vault)(nil)
	_ caddy.CleanerUpper = (*Vault)(nil)
	_ keySource          = (*Vault)(nil)
)
