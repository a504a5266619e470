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

// The engines that compute the signatures of a key in this process, as options, logs and
// metrics name them.
const (
	engineBatch    = "batch"
	engineStandard = "crypto/rsa"
)

// Engine names what computes the key's signatures: crypto/rsa, or what the key names
// itself. It is "" if that is not in this process.
func (k Key) Engine() string {
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		return engineStandard
	case interface{ Engine() string }:
		return private.Engine()
	}
	return ""
}

// batches is the engine of the process, since its CPUs are what is short: the signatures
// of all merchants are computed together. It is made when a key first asks for it.
var batches = sync.OnceValues(func() (*rsabatch.Engine, error) {
	return rsabatch.New(cpus.Usable(), engineFailed)
})

// engineFailed reports a signature that did not verify. The engine has no config of its
// own, so neither has its log.
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

// WithEngine returns the key as one whose signatures the engine of that name computes.
// The error says why they cannot be.
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

// noEngine is the error about an engine that does not exist.
func noEngine(name string) error {
	return fmt.Errorf("engine: %q is not an engine; write %s, or remove the option to use crypto/rsa", name, engineBatch)
}

// newBatchKey prepares a key. The error says why its signatures cannot be computed in
// batches.
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

// Sign signs as SignBatched does, if that is what the options ask for; anything else is
// crypto/rsa's.
func (k *batchKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, isPSS := opts.(*rsa.PSSOptions)
	if isPSS || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return k.private.Sign(rand.Reader, digest, opts)
	}
	return k.SignBatched(context.Background(), [sha256.Size]byte(digest))
}

// SignBatched signs together with whatever else is to be signed now.
func (k *batchKey) SignBatched(ctx context.Context, digest [sha256.Size]byte) ([]byte, error) {
	return k.engine.Sign(ctx, k.key, digest)
}

// Concurrency is how many signatures at once keep the engine busy.
func (k *batchKey) Concurrency() int { return k.engine.Concurrency() }

// Engine names what signs by now.
func (k *batchKey) Engine() string {
	if k.engine.IsOff() {
		return engineStandard
	}
	return engineBatch
}

// Interface guards
var _ signer.BatchSigner = (*batchKey)(nil)
