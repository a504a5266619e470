package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/cpus"
	"github.com/caddy-payermax/caddy-payermax/internal/rsabatch"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// The names of the engines that compute signatures in this process, in options, logs and
// metrics.
const (
	engineBatch    = "batch"
	engineStandard = "crypto/rsa"
)

// Engine returns the name of the engine that computes the key's signatures: crypto/rsa,
// or the name that the key itself gives. It is "" if the signatures are not computed in
// this process.
func (k Key) Engine() string {
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		return engineStandard
	case interface{ Engine() string }:
		return private.Engine()
	}
	return ""
}

// batches returns the engine of the process. There is only one, since all keys share the
// CPUs: the signatures of all merchants are computed together. It is created when a key
// first needs it.
var batches = sync.OnceValues(func() (*rsabatch.Engine, error) {
	return rsabatch.New(cpus.Usable(), engineFailed)
})

// engineFailed reports a signature that did not verify. It uses Caddy's default logger,
// because the engine belongs to the process and not to a config.
func engineFailed() {
	engineFailures.Inc()
	engineOff.Set(1)
	caddy.Log().Named("payermax.keys.file").Error(
		"the engine computed a wrong signature, which was not used; crypto/rsa signs until the process is restarted",
		zap.String("engine", engineBatch))
}

// batchKey is a key whose signatures are computed in batches.
type batchKey struct {
	private *rsa.PrivateKey
	key     *rsabatch.Key
	engine  *rsabatch.Engine
}

// WithEngine returns a signer for the key whose signatures the named engine computes. The
// error says why the engine cannot be used.
func WithEngine(engine string, key *rsa.PrivateKey) (crypto.Signer, error) {
	if engine != engineBatch {
		return nil, noEngine(engine)
	}
	batched, err := newBatchKey(key)
	if err != nil {
		return nil, err
	}
	return batched, nil
}

// noEngine returns the error about an engine that does not exist.
func noEngine(name string) error {
	return fmt.Errorf("engine: %q is not an engine; write %s, or remove the option to use crypto/rsa", name, engineBatch)
}

// newBatchKey prepares a key for the engine. The error says why its signatures cannot be
// computed in batches.
func newBatchKey(private *rsa.PrivateKey) (*batchKey, error) {
	engine, err := batches()
	if err != nil {
		return nil, err
	}
	key, err := rsabatch.NewKey(private)
	if err != nil {
		return nil, err
	}
	return &batchKey{private, key, engine}, nil
}

// Public returns the public key.
func (k *batchKey) Public() crypto.PublicKey { return k.private.Public() }

// Sign signs as SignBatched does, if the options ask for PKCS#1 v1.5 with SHA-256.
// Otherwise, crypto/rsa signs.
func (k *batchKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, isPSS := opts.(*rsa.PSSOptions)
	if isPSS || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return k.private.Sign(rand.Reader, digest, opts)
	}
	return k.SignBatched(context.Background(), [sha256.Size]byte(digest))
}

// SignBatched signs the digest together with other digests that are waiting for a
// signature.
func (k *batchKey) SignBatched(ctx context.Context, digest [sha256.Size]byte) ([]byte, error) {
	return k.engine.Sign(ctx, k.key, digest)
}

// Concurrency returns how many concurrent signatures keep the engine busy.
func (k *batchKey) Concurrency() int { return k.engine.Concurrency() }

// Engine returns the name of the engine that signs now: crypto/rsa if the batch engine is
// off.
func (k *batchKey) Engine() string {
	if k.engine.IsOff() {
		return engineStandard
	}
	return engineBatch
}

// Interface guards
var _ signer.BatchSigner = (*batchKey)(nil)
