// Package keys manages the keys that sign calls and verify what PayerMax sends: where
// they come from, which of them are in use, and how they change while calls are under
// way.
package keys

import (
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// Ring holds the current generation of keys, and replaces it when the files or sources
// that it was read from change.
//
// PayerMax makes a newly uploaded public key valid at once and the old one invalid, so a
// sidecar that needed a restart to change keys would lose payments. A generation that
// cannot be read, or whose keys do not match, changes nothing: the last good one stays in
// use until there is another good one.
type Ring struct {
	config   Config
	current  atomic.Pointer[Generation]
	refused  atomic.Pointer[string] // why the newest generation was refused, or nil
	reading  sync.Mutex             // held while a generation is read, which may wait for a remote key
	seen     [sha256.Size]byte      // the stamp of the newest generation, good or bad; guarded by reading
	mutex    sync.Mutex             // held while current is changed, only briefly
	promoted *promotion             // the last promotion, until private_key is another key
}

// Config says where the keys of a ring come from.
type Config struct {
	// Source has the key that signs. A ring without a Source only verifies.
	Source *NamedSource
	// Next has the key to switch to. Optional; its file need not exist yet.
	Next *NamedSource
	// GatewayFiles are the paths of the files with the public keys that PayerMax may
	// sign with.
	GatewayFiles []string
	// GatewayKeys are further such public keys that are not in files, such as the
	// sandbox's.
	GatewayKeys []*rsa.PublicKey
	// MerchantFile is the path of the file with the public key that was uploaded to
	// PayerMax, which Source's key must belong to. Optional.
	MerchantFile string
	// KeyVersion returns the version to send with signatures by Source's key
	// (`keyVersion`). It is called for each generation. Required if there is a Source.
	KeyVersion func() (string, error)
	// Logger logs new generations and those that are refused.
	Logger *zap.Logger
}

// Open reads the first generation, and returns an error if it cannot be used. If there is
// a Source, the memory of the process can no longer be dumped from then on, if the system
// supports that.
func Open(config Config) (*Ring, error) {
	r := &Ring{config: config}
	if config.Source != nil {
		if err := forbidDumps(); err != nil {
			config.Logger.Warn("core dumps of this process cannot be disabled; a core dump could contain the key", zap.Error(err))
		}
	}
	loaded, seen, err := r.readConsistently()
	if err != nil {
		return nil, err
	}
	r.current.Store(loaded)
	r.seen = seen
	if config.Next != nil && !loaded.Next.Exists() {
		path, _ := config.Next.file()
		config.Logger.Info("there is no next key yet, because its file does not exist; once it does, it is used without a reload",
			zap.String("path", path))
	}
	return r, nil
}

// Current returns the keys to use now.
func (r *Ring) Current() Generation { return *r.current.Load() }

// Refused returns why a newer generation is not in use, or "" if there is none.
func (r *Ring) Refused() string {
	if reason := r.refused.Load(); reason != nil {
		return *reason
	}
	return ""
}

// Refresh looks for a new generation and uses it if it is good. A generation that was
// refused is tried again each time, because a remote key may be able to sign by then.
func (r *Ring) Refresh() {
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.stamp() == r.seen && r.Refused() == "" {
		return
	}
	loaded, seen, err := r.readConsistently()
	if err == nil {
		err = r.take(loaded)
	}
	if err != nil {
		r.refuse(err.Error(), seen)
		return
	}
	r.seen = seen
}

// take makes a generation the current one, or returns why it must not be.
func (r *Ring) take(loaded *Generation) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	before := r.Current()
	// The first generation is accepted even so, with a warning, because there is no other.
	if own := r.ownForGateways(*loaded); own != "" && r.ownForGateways(before) == "" {
		return errors.New(own)
	}
	loaded, err := r.followPromotion(loaded)
	if err != nil {
		return err
	}
	r.current.Store(loaded)
	r.refused.Store(nil)
	r.config.Logger.Info("keys reloaded",
		zap.String("fingerprint", loaded.fingerprints()),
		zap.String("previous_fingerprint", before.fingerprints()),
		zap.String("next_fingerprint", loaded.Next.Fingerprint),
		zap.String("engine", loaded.Signing.Engine()))
	if loaded.HasSameNext() && !before.HasSameNext() {
		r.config.Logger.Info("next_private_key is now the same key as private_key, so there is no key to change to",
			zap.String("fingerprint", loaded.Next.Fingerprint))
	}
	return nil
}

// OwnForGateways says which gateway key in use is the merchant's own public key, which
// happens if somebody confuses the two. It is "" if none is.
func (r *Ring) OwnForGateways() string { return r.ownForGateways(r.Current()) }

// ownForGateways is [Ring.OwnForGateways] for any generation.
func (r *Ring) ownForGateways(g Generation) string {
	for i, file := range r.config.GatewayFiles {
		option := ""
		switch {
		case g.Signing.isHalfOf(g.Gateway[i]):
			option = r.config.Source.option("private_key")
		case g.Next.isHalfOf(g.Gateway[i]):
			option = r.config.Next.option("next_private_key")
		default:
			continue
		}
		return "gateway_public_key names the merchant's own public key: " + file + " belongs to " + option +
			", so no answer of PayerMax verifies with it; name the key that the dashboard calls PayerMax's public key"
	}
	return ""
}

// refuse keeps the last good generation in use, and logs that once for each generation
// that is refused.
func (r *Ring) refuse(reason string, seen [sha256.Size]byte) {
	if r.Refused() != "" && seen == r.seen {
		r.refused.Store(&reason)
		return
	}
	r.seen = seen
	reloadFailures.Inc()
	r.refused.Store(&reason)
	r.config.Logger.Error("the new keys cannot be used; the last good ones stay in use",
		zap.String("reason", reason), zap.String("fingerprint", r.Current().fingerprints()))
}

// Promote makes the next key the current one, since the gateway has accepted it and
// refused the other. It does not wait for a generation that is being read; take applies
// the promotion to that one.
func (r *Ring) Promote(accepted Key) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	current := r.Current()
	if !current.Next.Exists() || current.Next.Fingerprint != accepted.Fingerprint {
		return // another request was faster, or the keys have changed
	}
	r.promoted = &promotion{from: current.Signing.Fingerprint, to: accepted.Fingerprint}
	changed := current.promoted()
	r.current.Store(&changed)
	promotions.Inc()
	r.config.Logger.Warn("PayerMax refuses the current key and accepts the next key, which is used from now on; make it private_key and remove next_private_key",
		zap.String("fingerprint", r.promoted.to), zap.String("previous_fingerprint", r.promoted.from))
}

// promotion has the fingerprints of the key that the gateway refused and of the key that
// it accepted instead.
type promotion struct{ from, to string }

// errForgetsPromotion is the error for a generation that would sign with the key that the
// gateway has refused, and that no longer has the key that it accepted: the file of the next
// key was removed before its key was put into private_key. The accepted key stays in use.
var errForgetsPromotion = errors.New("private_key: it is still the key that PayerMax refused, and next_private_key is no longer the key that PayerMax accepted instead; " +
	"put the key in use, whose fingerprint is logged with this reason, into private_key, or back into next_private_key: after a restart or reload, the refused key would sign")

// followPromotion applies the last promotion to a new generation. Once private_key is no
// longer the key that was refused, the promotion is over.
func (r *Ring) followPromotion(g *Generation) (*Generation, error) {
	switch {
	case r.promoted == nil:
		return g, nil
	case g.Signing.Fingerprint != r.promoted.from:
		r.promoted = nil
		return g, nil
	case g.Next.Fingerprint != r.promoted.to:
		return nil, errForgetsPromotion
	}
	changed := g.promoted()
	return &changed, nil
}
