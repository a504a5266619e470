package kms

import (
	"errors"
	"regexp"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.step.sm/crypto/kms/apiv1"
	_ "go.step.sm/crypto/kms/cloudkms" // registers itself

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

func init() {
	caddy.RegisterModule(new(GCP))
}

// GCP signs with a key in Google Cloud KMS. The key's algorithm must be
// `RSA_SIGN_PKCS1_2048_SHA256`, `RSA_SIGN_PKCS1_3072_SHA256` or
// `RSA_SIGN_PKCS1_4096_SHA256`.
//
// Credentials are Google's application default credentials: the file that
// `GOOGLE_APPLICATION_CREDENTIALS` names, workload identity, or the metadata
// server. They need `cloudkms.cryptoKeyVersions.viewPublicKey` and
// `cloudkms.cryptoKeyVersions.useToSign` for the key, which the role
// `roles/cloudkms.signerVerifier` has.
//
// The Google client does not accept a deadline, and retries for up to 15 seconds. A
// request still gives up after `timeout`, but it occupies one of the `max_in_flight`
// slots until the client is done.
type GCP struct {
	// The key's URI, such as
	// `cloudkms:projects/shop/locations/europe-west3/keyRings/payermax/cryptoKeys/signing/cryptoKeyVersions/1`,
	// with the version of the key. It may be followed by `?credentials-file=<path>` with the path
	// of a service account's key file. Required. Placeholders are expanded when the config is
	// loaded.
	URI string `json:"uri,omitempty"`

	Limits
	source
}

var gcpScheme = scheme{
	name:       "cloudkms",
	example:    "cloudkms:projects/shop/locations/europe-west3/keyRings/payermax/cryptoKeys/signing/cryptoKeyVersions/1",
	attributes: []string{"resource", "credentials-file"},
	bare:       "resource",
}

// gcpResource matches the resource name of one version of a key.
var gcpResource = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[0-9]+$`)

// CaddyModule returns the Caddy module information.
func (*GCP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.gcp",
		New: func() caddy.Module { return new(GCP) },
	}
}

// Provision checks the URI. It does not contact Google Cloud; the first call of Key does.
func (s *GCP) Provision(caddy.Context) error {
	if err := s.validate(); err != nil {
		return err
	}
	a, err := parseAddress(s.URI, gcpScheme, caddy.NewReplacer())
	if err != nil {
		return err
	}
	if err := a.require("resource"); err != nil {
		return err
	}
	if !gcpResource.MatchString(a.values["resource"]) {
		return errors.New("uri must name one version of a key, such as " + gcpScheme.example)
	}
	s.provision(s.Limits, a, func() (reopen.Opened, error) {
		return openKey(apiv1.Options{
			Type: apiv1.CloudKMS,
			URI:  a.uri("credentials-file"),
		}, a.values["resource"])
	}, nil)
	return nil
}

// Cleanup closes the connection once no more signatures use it.
func (s *GCP) Cleanup() error { return s.release() }

// UnmarshalCaddyfile sets up the key source from Caddyfile tokens. Syntax:
//
//	gcp <uri> {
//	    timeout       <duration>
//	    max_in_flight <number>
//	}
//
// Only the URI is required.
func (s *GCP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalSource(d, &s.URI, &s.Limits)
}

// Interface guards
var (
	_ caddy.Provisioner     = (*GCP)(nil)
	_ caddy.CleanerUpper    = (*GCP)(nil)
	_ caddyfile.Unmarshaler = (*GCP)(nil)
	_ keySource             = (*GCP)(nil)
)
