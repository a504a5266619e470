package payermax

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// keys are one generation: what belongs together and is used together. It never
// changes, so a request that began with it finishes with it.
type keys struct {
	signing signingKey
	// next, if not nil, is tried when the gateway refuses signing.
	next *signingKey
	// gateway are the keys that answers may be signed with; empty if answers
	// are not to be checked.
	gateway    []*rsa.PublicKey
	keyVersion string
	loaded     time.Time
}

// sourceGatewayPublicKey is the source of keys that only verify, which are not a
// module's.
const sourceGatewayPublicKey = "gateway_public_key"

// keyIdentity tells a key from others, in metrics and in answers to probes.
type keyIdentity struct{ source, fingerprint string }

// identities are those of the key that signs or, where none does, of the keys that
// notifications are verified with.
func (k *keys) identities() []keyIdentity {
	if k.signing.private != nil {
		return []keyIdentity{{k.signing.source, k.signing.fingerprint}}
	}
	all := make([]keyIdentity, len(k.gateway))
	for i, key := range k.gateway {
		all[i] = keyIdentity{sourceGatewayPublicKey, signer.Fingerprint(key)}
	}
	return all
}

// fingerprints writes the identities for a log.
func (k *keys) fingerprints() string {
	var all []string
	for _, id := range k.identities() {
		all = append(all, id.fingerprint)
	}
	return strings.Join(all, ", ")
}

// signingKey is a key and where it came from. The key is a field of its own: a
// struct that embeds a crypto.Signer has none of the further methods of the key
// inside, such as those of a signer.ContextSigner.
type signingKey struct {
	private     crypto.Signer
	fingerprint string
	source      string
}

// keyring holds the current generation of keys and replaces it when what it was
// read from changes.
//
// PayerMax makes a newly uploaded public key valid at once and the old one
// invalid, so a sidecar that needed a restart to change keys would lose
// payments. A generation that cannot be read, or does not fit together, changes
// nothing: the last good one stays in use until a good one is there.
type keyring struct {
	source, next *keyHolder
	gatewayFiles []string
	merchantFile string
	keyVersion   func() (string, error)
	logger       *zap.Logger
	metrics      *metrics
	current      atomic.Pointer[keys]
	failure      atomic.Pointer[string] // why the newest generation was not taken, or nil
	mutex        sync.Mutex             // one reader at a time
	seen         [sha256.Size]byte      // of the newest generation, good or bad
	promotedFrom string                 // fingerprint of the key that next took the place of
	promotedTo   string
}

const (
	// selfTest is what a key has to sign before it is used. It is no PayerMax
	// call, so its signature is of no use to anybody.
	selfTest = "caddy-payermax self-test"
	// selfTestTimeout is ample for a key that lives elsewhere.
	selfTestTimeout = 10 * time.Second
)

// maxReads bounds how often a generation is read that changes while it is read.
const maxReads = 10

// load reads the first generation, which must be good.
func (k *keyring) load() error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	loaded, seen, err := k.readConsistently()
	if err != nil {
		return theConfinement.explain(err)
	}
	theConfinement.noteKeyFiles(k.files())
	k.current.Store(loaded)
	k.seen = seen
	return nil
}

// refresh looks for a new generation and takes it if it is good.
func (k *keyring) refresh() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.stamp() == k.seen {
		return
	}
	loaded, seen, err := k.readConsistently()
	k.seen = seen
	if err != nil {
		reason := err.Error()
		k.failure.Store(&reason)
		k.metrics.reloadFailures.Inc()
		k.logger.Error("the new keys cannot be used; the last good ones stay in use",
			zap.String("reason", reason), zap.String("fingerprint", k.current.Load().fingerprints()))
		return
	}
	before := k.current.Swap(loaded)
	k.failure.Store(nil)
	k.logger.Info("keys loaded anew",
		zap.String("fingerprint", loaded.fingerprints()),
		zap.String("previous_fingerprint", before.fingerprints()))
}

// readConsistently reads a generation whose files did not change meanwhile: a
// private key of one generation and a key version of the next would fit nothing.
// It returns the stamp of what it read.
func (k *keyring) readConsistently() (*keys, [sha256.Size]byte, error) {
	before := k.stamp()
	for range maxReads {
		loaded, err := k.read()
		after := k.stamp()
		if after == before {
			return loaded, after, err
		}
		before = after
	}
	return nil, before, errors.New("the key files change faster than they can be read")
}

// read reads all that belongs to a generation.
func (k *keyring) read() (*keys, error) {
	loaded := &keys{loaded: time.Now()}
	if err := k.readSigning(loaded); err != nil {
		return nil, err
	}
	for _, path := range k.gatewayFiles {
		key, err := signer.ReadPublicKeyFile(path)
		if err != nil {
			return nil, fmt.Errorf("gateway_public_key: %w", err)
		}
		loaded.gateway = append(loaded.gateway, key)
	}
	return k.keepPromotion(loaded), nil
}

// readSigning reads what signs. A ring that only verifies has no source.
func (k *keyring) readSigning(loaded *keys) error {
	if k.source == nil {
		return nil
	}
	signing, err := k.source.signingKey()
	if err != nil {
		return fmt.Errorf("%s: %w", k.source.option("private_key"), err)
	}
	loaded.signing = *signing
	if k.next != nil {
		if loaded.next, err = k.next.signingKey(); err != nil {
			return fmt.Errorf("%s: %w", k.next.option("next_private_key"), err)
		}
	}
	if err := k.checkPair(loaded.signing); err != nil {
		return fmt.Errorf("merchant_public_key: %w", err)
	}
	loaded.keyVersion, err = k.keyVersion()
	return err
}

// checkPair compares the key with the public key that was given to PayerMax.
func (k *keyring) checkPair(key signingKey) error {
	if k.merchantFile == "" {
		return nil
	}
	uploaded, err := signer.ReadPublicKeyFile(k.merchantFile)
	if err != nil {
		return err
	}
	if !uploaded.Equal(key.private.Public()) {
		return fmt.Errorf("it has the fingerprint %s, but the private key belongs to %s; PayerMax would refuse every signature, so upload the public key that fits, or mount the private key that does",
			signer.Fingerprint(uploaded), key.fingerprint)
	}
	return nil
}

// signingKey asks the source for its key and makes sure that it can be used.
func (h *keyHolder) signingKey() (*signingKey, error) {
	key, fingerprint, err := h.Key()
	if err != nil {
		return nil, err
	}
	if _, ok := key.Public().(*rsa.PublicKey); !ok {
		return nil, fmt.Errorf("the key is a %T, but PayerMax's signature needs RSA", key.Public())
	}
	ctx, cancel := context.WithTimeout(context.Background(), selfTestTimeout)
	defer cancel()
	// Signatures are always verified before they are used; this one finds out
	// before there is a request that needs it.
	if _, err := signer.Sign(ctx, key, []byte(selfTest)); err != nil {
		return nil, fmt.Errorf("self-test: %w", err)
	}
	return &signingKey{key, fingerprint, h.name}, nil
}

// stamp identifies what a generation would be read from right now: the contents
// of the files, whatever their times and links say, and the fingerprints of the
// keys that are elsewhere.
func (k *keyring) stamp() [sha256.Size]byte {
	sum := sha256.New()
	for _, path := range k.files() {
		content, err := signer.ReadKeyText(path)
		fmt.Fprintf(sum, "%d %v ", len(content), err)
		sum.Write(content)
	}
	for _, holder := range []*keyHolder{k.source, k.next} {
		if holder == nil || holder.isFile() {
			continue
		}
		_, fingerprint, err := holder.Key()
		fmt.Fprintf(sum, "%s %v ", fingerprint, err)
	}
	if k.source != nil {
		version, err := k.keyVersion()
		fmt.Fprintf(sum, "%s %v", version, err)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// files are the paths of what a generation is read from.
func (k *keyring) files() []string {
	var paths []string
	for _, holder := range []*keyHolder{k.source, k.next} {
		if holder != nil && holder.isFile() {
			paths = append(paths, holder.KeySource.(*KeyFile).path)
		}
	}
	paths = append(paths, k.gatewayFiles...)
	if k.merchantFile != "" {
		paths = append(paths, k.merchantFile)
	}
	return paths
}

// option names the option that a holder was configured by.
func (h *keyHolder) option(forFile string) string {
	if h.isFile() {
		return forFile
	}
	return "key " + h.name
}

// isFile reports whether the key comes from a file.
func (h *keyHolder) isFile() bool {
	_, ok := h.KeySource.(*KeyFile)
	return ok
}

// promote makes the next key the current one, since the gateway has accepted it
// and refused the other.
func (k *keyring) promote(accepted *signingKey) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	current := k.current.Load()
	if current.next == nil || current.next.fingerprint != accepted.fingerprint {
		return // another request was faster, or the keys have changed
	}
	k.promotedFrom, k.promotedTo = current.signing.fingerprint, accepted.fingerprint
	promoted := *current
	k.current.Store(k.keepPromotion(&promoted))
	k.metrics.promotions.Inc()
	k.logger.Warn("PayerMax refuses the current key and accepts the next one, which is the current one from now on; make it private_key and remove next_private_key",
		zap.String("fingerprint", k.promotedTo), zap.String("previous_fingerprint", k.promotedFrom))
}

// keepPromotion puts the next key in the place of the current one, if these two
// are the pair that was promoted. The other becomes the next one, so that the
// sidecar follows a change that PayerMax takes back as well.
func (k *keyring) keepPromotion(loaded *keys) *keys {
	if loaded.next != nil && loaded.signing.fingerprint == k.promotedFrom && loaded.next.fingerprint == k.promotedTo {
		replaced := loaded.signing
		loaded.signing, loaded.next = *loaded.next, &replaced
	}
	return loaded
}
