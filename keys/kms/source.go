// Package kms has the sources for keys that never touch a disk: in an HSM, in a cloud's
// key management service, or in a vault. Each is a Caddy module in the namespace
// payermax.keys.
//
// It is a separate Go module, so that builds for keys in files need neither cgo nor the
// clouds' SDKs.
package kms

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

const (
	minKeyBits = 2048

	// loadTimeout is how long a config load waits for the key at most: some PKCS#11
	// libraries wait for their HSM forever, and the clouds' clients retry for 15 seconds.
	loadTimeout = 20 * time.Second

	// loadPause is how long the error of a failed load is returned without trying again,
	// so that callers do not queue up to fail one after the other.
	loadPause = 5 * time.Second
)

// keySource is the interface that the handler expects of the modules in payermax.keys. It
// uses only types of the standard library, so that neither side imports the other.
type keySource interface {
	Key() (key crypto.Signer, fingerprint string, err error)
}

// source is the common part of all key sources that use go.step.sm/crypto/kms. The key is
// opened when Key is first called, and not when the config is provisioned, because that
// also happens when a config is merely validated.
type source struct {
	key     *reopen.Key
	options remote.Options
	secrets []string // no error must repeat these

	mu          sync.Mutex
	signer      *remote.Signer
	fingerprint string
	err         error
	failed      time.Time
	pending     chan answer // the result of a load that took too long, if it still ends
}

// answer is the public key, or the reason why there is none.
type answer struct {
	public crypto.PublicKey
	err    error
}

// provision prepares the key, without opening it.
func (s *source) provision(l Limits, a address, open reopen.OpenFunc, lost reopen.LostFunc) {
	s.options = l.options()
	s.secrets = a.secrets()
	s.key = reopen.New(open, lost)
}

// Key returns the key and its fingerprint: "sha256:" and the lower-case hex of SHA-256
// over the public key's SPKI DER. The first call fetches the public key from the remote
// side; later calls do not contact it.
func (s *source) Key() (key crypto.Signer, fingerprint string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.signer == nil {
		if s.err != nil && time.Since(s.failed) < loadPause {
			return nil, "", s.err
		}
		if s.err = s.load(); s.err != nil {
			s.failed = time.Now()
			return nil, "", s.err
		}
	}
	return s.signer, s.fingerprint, nil
}

// load opens the key and checks that it can make PayerMax's signature.
func (s *source) load() error {
	a := s.ask()
	if a.err != nil {
		return fmt.Errorf("loading the signing key: %w", a.err)
	}

	public, err := checkPublic(a.public)
	if err != nil {
		return fmt.Errorf("loading the signing key: %w", err)
	}
	if s.fingerprint, err = fingerprintOf(public); err != nil {
		return fmt.Errorf("loading the signing key: %w", err)
	}
	s.signer = remote.New(public, s.sign, s.options)
	return nil
}

// ask opens the key and returns its public half. It waits for at most loadTimeout. There
// is only one attempt to open the key at a time.
func (s *source) ask() answer {
	if s.pending == nil {
		pending := make(chan answer, 1)
		go func() {
			public, err := s.key.Public()
			pending <- answer{public, redact(err, s.secrets...)}
		}()
		s.pending = pending
	}
	select {
	case a := <-s.pending:
		s.pending = nil
		return a
	case <-time.After(loadTimeout):
		return answer{err: fmt.Errorf("there was no answer within %v", loadTimeout)}
	}
}

// sign requests a signature from the key.
func (s *source) sign(ctx context.Context, digest []byte) ([]byte, error) {
	signature, err := s.key.Sign(ctx, digest)
	return signature, redact(err, s.secrets...)
}

// release releases the key. Requests that are still under way can continue to sign with
// it.
func (s *source) release() error {
	if s.key != nil {
		s.key.Release()
	}
	return nil
}

// checkPublic refuses keys that cannot make PayerMax's signature.
func checkPublic(public crypto.PublicKey) (*rsa.PublicKey, error) {
	key, ok := public.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, fmt.Errorf("PayerMax's signature needs an RSA key, this one is a %T", public)
	case key.N == nil:
		return nil, errors.New("the RSA key has no modulus")
	case key.N.BitLen() < minKeyBits:
		return nil, fmt.Errorf("the RSA key has %d bits, which is too weak; create one with at least %d bits and upload its public key to PayerMax", key.N.BitLen(), minKeyBits)
	}
	return key, nil
}

// fingerprintOf returns the fingerprint of a public key.
func fingerprintOf(public *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
