package kms

import (
	"errors"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.step.sm/crypto/kms/apiv1"
	_ "go.step.sm/crypto/kms/awskms" // registers itself

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

func init() {
	caddy.RegisterModule(new(AWS))
}

// AWS signs with an asymmetric RSA key in AWS KMS. The key's usage must be `SIGN_VERIFY`.
//
// Credentials come from where all AWS tools look for them: environment variables, shared
// files, a web identity (IRSA), or the role of a container or an instance. They need
// `kms:GetPublicKey` and `kms:Sign` for the key. The endpoint can be set with the
// environment variable `AWS_ENDPOINT_URL_KMS`.
//
// The AWS client does not accept a deadline, and retries for up to 15 seconds. A request
// still gives up after `timeout`, but it occupies one of the `max_in_flight` slots until
// the client is done.
type AWS struct {
	// The key's URI, such as
	// `awskms:key-id=1234abcd-12ab-34cd-56ef-1234567890ab;region=eu-central-1`:
	//
	// Attribute | Description
	// ----------|------------
	// `key-id` | The key's ID or ARN, or an alias such as `alias/payermax`, in lower case. Required. An alias that is moved to another key is an error until the config is loaded again.
	// `region` | The region. Default: the region of the environment or profile.
	// `profile` | The profile in the shared config files.
	// `credentials-file` | The path of the shared config file, instead of `~/.aws/config`.
	//
	// Required. Placeholders are expanded when the config is loaded.
	URI string `json:"uri,omitempty"`

	Limits
	source
}

var awsScheme = scheme{
	name:       "awskms",
	example:    "awskms:key-id=1234abcd-12ab-34cd-56ef-1234567890ab;region=eu-central-1",
	attributes: []string{"key-id", "region", "profile", "credentials-file"},
}

// CaddyModule returns the Caddy module information.
func (*AWS) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.aws",
		New: func() caddy.Module { return new(AWS) },
	}
}

// Provision checks the URI. It does not contact AWS; the first call of Key does.
func (s *AWS) Provision(caddy.Context) error {
	if err := s.validate(); err != nil {
		return err
	}
	a, err := parseAddress(s.URI, awsScheme, caddy.NewReplacer())
	if err != nil {
		return err
	}
	if err := a.require("key-id"); err != nil {
		return err
	}
	// The underlying library always converts the key's ID to lower case.
	if id := a.values["key-id"]; id != strings.ToLower(id) {
		return errors.New("key-id in uri must be in lower case; for an alias with capital letters, give the ID or ARN of its key instead")
	}
	s.provision(s.Limits, a, func() (reopen.Opened, error) {
		return openKey(apiv1.Options{
			Type: apiv1.AmazonKMS,
			URI:  a.uri("region", "profile", "credentials-file"),
		}, a.uri("key-id"))
	}, nil)
	return nil
}

// Cleanup releases the key.
func (s *AWS) Cleanup() error { return s.release() }

// UnmarshalCaddyfile sets up the key source from Caddyfile tokens. Syntax:
//
//	aws <uri> {
//	    timeout       <duration>
//	    max_in_flight <number>
//	}
//
// Only the URI is required.
func (s *AWS) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalSource(d, &s.URI, &s.Limits)
}

// Interface guards
var (
	_ caddy.Provisioner     = (*AWS)(nil)
	_ caddy.CleanerUpper    = (*AWS)(nil)
	_ caddyfile.Unmarshaler = (*AWS)(nil)
	_ keySource             = (*AWS)(nil)
)
