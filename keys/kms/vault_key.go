package kms

import (
	"context"
	"crypto"
	"crypto/rsa"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
)

// minVaultReload is the minimum time between two reads of the key, no matter how many
// signatures are refused.
const minVaultReload = time.Second

// vaultKey follows a transit key from version to version.
type vaultKey struct {
	session *vault.Session
	transit vault.Transit
	version int // 0 for the latest
	refresh time.Duration
	options remote.Options
	log     *slog.Logger

	state atomic.Pointer[vaultState]
	tried chan struct{} // closed after the first attempt to load the key
	stale chan struct{} // receives when a signature was refused
}

// vaultState is the version in use, or the reason why there is none yet.
type vaultState struct {
	public      *rsa.PublicKey
	number      int
	signer      *remote.Signer
	fingerprint string

	err error // set if there is no signer
}

// newVaultKey initialises the channels of k. Nothing is loaded before keep runs.
func newVaultKey(k *vaultKey) *vaultKey {
	k.tried = make(chan struct{})
	k.stale = make(chan struct{}, 1)
	return k
}

// current returns the version in use. It waits for the first attempt to load one, whose
// duration is bounded by the timeout of its requests.
func (k *vaultKey) current() (crypto.Signer, string, error) {
	<-k.tried
	state := k.state.Load()
	if state.err != nil {
		return nil, "", &vaultNotLoaded{cause: state.err}
	}
	return state.signer, state.fingerprint, nil
}

// vaultNotLoaded says that no version of the key has been loaded so far.
type vaultNotLoaded struct{ cause error }

func (e *vaultNotLoaded) Error() string {
	return "vault: the key has not been loaded yet: " + e.cause.Error()
}

func (e *vaultNotLoaded) Unwrap() error { return e.cause }

// Is makes errors.Is(err, remote.ErrUnavailable) true.
func (*vaultNotLoaded) Is(target error) bool { return target == remote.ErrUnavailable }

// RetryAfter returns how long to wait before asking again.
func (*vaultNotLoaded) RetryAfter() time.Duration { return time.Second }

// keep loads the key and reloads it whenever that is due, until the context ends. A
// failure is logged once, and retried with increasing delays.
func (k *vaultKey) keep(ctx context.Context) {
	first := true
	var failures int
	for {
		began := time.Now()
		err := k.load(ctx)
		if err != nil && k.state.Load().hasNone() {
			k.state.Store(&vaultState{err: err})
		}
		if first {
			close(k.tried)
			first = false
		}
		if ctx.Err() != nil {
			return
		}

		wait := k.refresh
		switch {
		case err != nil:
			if failures++; failures == 1 {
				k.log.Warn("loading the signing key failed; the last good version is used if there is one, and this is tried again", "error", err)
			}
			wait = min(wait, vault.Backoff(failures))
		case failures > 0:
			k.log.Info("the signing key can be loaded again")
			failures = 0
		}
		if !k.pause(ctx, began, wait) {
			return
		}
	}
}

func (s *vaultState) hasNone() bool { return s == nil || s.err != nil }

// pause waits until the key must be reloaded: after the given time, or when a signature
// was refused. It returns false if the context has ended.
func (k *vaultKey) pause(ctx context.Context, began time.Time, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-k.stale:
		return vault.Sleep(ctx, minVaultReload-time.Since(began))
	}
}

// load reads the key, and replaces the one in use if it is different.
func (k *vaultKey) load(ctx context.Context) error {
	var version vault.Version
	err := k.session.Do(ctx, func(token vault.Secret) (err error) {
		version, err = k.transit.Read(ctx, token, k.version)
		return err
	})
	if err != nil {
		return err
	}
	// Comparing the numbers is not enough: a key that was deleted and created again
	// starts at version 1.
	old := k.state.Load()
	if !old.hasNone() && old.number == version.Number && old.public.Equal(version.Public) {
		return nil
	}
	fingerprint, err := fingerprintOf(version.Public)
	if err != nil {
		return err
	}
	k.state.Store(&vaultState{
		public:      version.Public,
		number:      version.Number,
		signer:      remote.New(version.Public, k.sign(version.Number), k.options),
		fingerprint: fingerprint,
	})
	k.log.Info("signing key loaded", "version", version.Number, "fingerprint", fingerprint)
	return nil
}

// sign returns a function that requests signatures by one version of the key.
func (k *vaultKey) sign(number int) remote.SignFunc {
	return func(ctx context.Context, digest []byte) (signature []byte, err error) {
		err = k.session.Do(ctx, func(token vault.Secret) (err error) {
			signature, err = k.transit.Sign(ctx, token, number, digest)
			return err
		})
		// If this version may no longer sign, the key was rotated: reload it now instead
		// of waiting for the next refresh.
		if vault.IsRefused(err) && !vault.IsDenied(err) {
			select {
			case k.stale <- struct{}{}:
			default:
			}
		}
		return signature, err
	}
}
