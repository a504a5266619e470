package kms

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.step.sm/crypto/kms/apiv1"
	_ "go.step.sm/crypto/kms/azurekms" // registers itself

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

func init() {
	caddy.RegisterModule(new(Azure))
}

// Azure signs with an RSA key in Azure Key Vault. The library does not support managed
// HSM pools, whose host names differ.
//
// Credentials come from the URI, or from Azure's default sources: environment variables
// such as `AZURE_CLIENT_ID`, workload identity, managed identity. They need the
// permissions `get` and `sign` for keys, which the role `Key Vault Crypto User` has.
//
// The Azure client does not accept a deadline, and retries for up to 15 seconds, or up to
// four times as long if the vault throttles it. A request still gives up after `timeout`,
// but it occupies one of the `max_in_flight` slots until the client is done.
type Azure struct {
	// The key's URI, such as
	// `azurekms:vault=shop;name=payermax;version=78deebed173b48e48f55abf87ed4cf71`:
	//
	// Attribute | Description
	// ----------|------------
	// `vault` | The vault's name, which is the first label of its host name. Required.
	// `name` | The key's name. Required.
	// `version` | The key's version. Required, because a vault that rotates the key would sign with a version that PayerMax does not know.
	// `environment` | The cloud: `public`, `usgov`, `china` or `german`. Default: `public`.
	// `tenant-id`, `client-id`, `client-secret` | The credentials of an application, either all three or, with the default credentials, at most `tenant-id`. The secret is accepted as a placeholder only.
	//
	// Required. Placeholders are expanded when the config is loaded.
	URI string `json:"uri,omitempty"`

	Limits
	source
}

var azureScheme = scheme{
	name:       "azurekms",
	example:    "azurekms:vault=shop;name=payermax;version=78deebed173b48e48f55abf87ed4cf71",
	attributes: []string{"vault", "name", "version", "environment", "tenant-id", "client-id", "client-secret"},
	secrets:    []string{"client-secret"},
}

// azureVault matches valid names of vaults. The name becomes part of a host name, so it
// must not be able to change the rest of that.
var azureVault = regexp.MustCompile(`^[0-9A-Za-z-]{3,24}$`)

// CaddyModule returns the Caddy module information.
func (*Azure) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.azure",
		New: func() caddy.Module { return new(Azure) },
	}
}

// Provision checks the URI. It does not contact Azure; the first call of Key does.
func (s *Azure) Provision(caddy.Context) error {
	if err := s.validate(); err != nil {
		return err
	}
	a, err := parseAddress(s.URI, azureScheme, caddy.NewReplacer())
	if err != nil {
		return err
	}
	if err := checkAzure(a); err != nil {
		return err
	}
	s.provision(s.Limits, a, func() (reopen.Opened, error) {
		return openKey(apiv1.Options{
			Type: apiv1.AzureKMS,
			URI:  a.uri("vault", "environment", "tenant-id", "client-id", "client-secret"),
		}, a.uri("vault", "name", "version"))
	}, nil)
	return nil
}

// Cleanup releases the key.
func (s *Azure) Cleanup() error { return s.release() }

// UnmarshalCaddyfile sets up the key source from Caddyfile tokens. Syntax:
//
//	azure <uri> {
//	    timeout       <duration>
//	    max_in_flight <number>
//	}
//
// Only the URI is required.
func (s *Azure) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalSource(d, &s.URI, &s.Limits)
}

// checkAzure refuses URIs that do not name exactly one key, or that have only part of the
// credentials: the library would silently use others.
func checkAzure(a address) error {
	if err := a.require("vault", "name", "version"); err != nil {
		return err
	}
	if !azureVault.MatchString(a.values["vault"]) {
		return fmt.Errorf("vault in uri must be the name of a key vault, which is the first label of its host name, but is %q", a.values["vault"])
	}
	id, secret, tenant := a.values["client-id"], a.values["client-secret"], a.values["tenant-id"]
	if (id != "" || secret != "") && (id == "" || secret == "" || tenant == "") {
		return errors.New("uri must have tenant-id, client-id and client-secret together, or leave client-id and client-secret out to use Azure's default credentials")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Azure)(nil)
	_ caddy.CleanerUpper    = (*Azure)(nil)
	_ caddyfile.Unmarshaler = (*Azure)(nil)
	_ keySource             = (*Azure)(nil)
)
