// Package openssl has a key source that signs with OpenSSL: the Caddy module
// payermax.keys.openssl. The key is in a file, as with `key file`, and is read by the
// same code; only the signatures are made by libcrypto 3.
//
// It is a separate Go module, since it needs cgo and libcrypto. Builds that sign with
// Go's own crypto/rsa do not need either.
package openssl

import (
	"crypto"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() {
	caddy.RegisterModule(new(Source))
}

// Source reads the signing key from a file and signs with OpenSSL 3. It accepts the same
// files as the source file, follows their changes in the same way, and has the same
// options except for engine. It needs a binary that was built with cgo.
//
// OpenSSL's own configuration (OPENSSL_CONF) determines which of its providers signs,
// such as the FIPS provider. The log says which one it is.
type Source struct {
	keys.File

	logger    *zap.Logger
	announced keys.Notice // the fingerprint that was last logged
}

// CaddyModule returns the Caddy module information.
func (*Source) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.openssl",
		New: func() caddy.Module { return new(Source) },
	}
}

// Provision expands the path. It returns an error if this binary was built without cgo.
func (s *Source) Provision(ctx caddy.Context) error {
	if errUnsupported != nil {
		return errUnsupported
	}
	if err := s.refuseEngine(); err != nil {
		return err
	}
	s.logger = ctx.Logger()
	return s.File.Provision(ctx)
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens, in the same way as key
// file:
//
//	openssl <path> {
//	    refuse_world_readable
//	}
func (s *Source) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := s.File.UnmarshalCaddyfile(d); err != nil {
		return err
	}
	if err := s.refuseEngine(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// refuseEngine refuses the option engine, which only key file has.
func (s *Source) refuseEngine() error {
	if s.Engine == "" {
		return nil
	}
	return fmt.Errorf("engine: OpenSSL signs, so no engine can be chosen; leave it out, or write key file %s { engine %s }", s.Path, s.Engine)
}

// Key reads the file and hands the key over to OpenSSL. The returned key signs on this
// process's own CPUs, and the caller must verify its signatures.
func (s *Source) Key() (crypto.Signer, string, error) {
	private, err := s.PrivateKey()
	if err != nil {
		return nil, "", err
	}
	opened, err := newKey(private)
	if err != nil {
		return nil, "", fmt.Errorf("handing the key over to OpenSSL: %w; what OpenSSL may do is up to its configuration, which OPENSSL_CONF names", err)
	}
	fingerprint := signer.Fingerprint(&private.PublicKey)
	if s.announced.IsNew(fingerprint) {
		s.logger.Info("OpenSSL has the signing key",
			zap.String("fingerprint", fingerprint), zap.String("openssl", version()), zap.String("provider", opened.provider()))
	}
	return opened, fingerprint, nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Source)(nil)
	_ caddyfile.Unmarshaler = (*Source)(nil)
	_ keys.FileSource       = (*Source)(nil)
)
