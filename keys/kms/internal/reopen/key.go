// Package reopen keeps a key usable when the connection to it is lost.
//
// An HSM loses its sessions when it restarts, when its network connection drops or when
// it is unplugged. And when Caddy loads a new config, it cleans up the old config's keys
// while requests still sign with them. In both cases, the next signature opens the key
// again.
package reopen

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"
)

// Opened is an open key and how to close it.
type Opened struct {
	Signer crypto.Signer
	Close  func() error
}

// OpenFunc opens the key. It is never called concurrently.
type OpenFunc func() (Opened, error)

// LostFunc reports whether an error of the key's Sign means that the key must be
// reopened.
type LostFunc func(error) bool

// Key is a key that is opened when it is needed.
type Key struct {
	open OpenFunc
	lost LostFunc

	// mu is held for reading while the key signs, and for writing while it is
	// opened or closed.
	mu       sync.RWMutex
	opened   *Opened // nil while the key is closed
	public   crypto.PublicKey
	released bool

	// attempts counts the attempts to open the key, and err is the result of the last
	// one. Callers that waited for an attempt share its result, instead of queueing up to
	// fail one after the other.
	attempts int
	err      error
}

// New returns a closed key. lost may be nil for a key that is never lost.
func New(open OpenFunc, lost LostFunc) *Key {
	if lost == nil {
		lost = func(error) bool { return false }
	}
	return &Key{open: open, lost: lost}
}

// Public opens the key, if it is closed, and returns its public half.
func (k *Key) Public() (crypto.PublicKey, error) {
	_, release, err := k.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	return k.public, nil
}

// Sign signs a SHA-256 digest with PKCS#1 v1.5. If the key turns out to be lost, it is
// closed, reopened and tried once more. The underlying libraries take no context, so a
// call to an HSM that hangs cannot be cancelled.
func (k *Key) Sign(_ context.Context, digest []byte) ([]byte, error) {
	opened, signature, err := k.sign(digest)
	if err == nil || opened == nil || !k.lost(err) {
		return signature, err
	}
	k.discard(opened)
	_, signature, err = k.sign(digest)
	return signature, err
}

// sign signs with the key, and returns the Opened that it used.
func (k *Key) sign(digest []byte) (*Opened, []byte, error) {
	opened, release, err := k.acquire()
	if err != nil {
		return nil, nil, err
	}
	defer release()
	signature, err := opened.Signer.Sign(nil, digest, crypto.SHA256)
	return opened, signature, err
}

// acquire opens the key, if it is closed, and keeps it open until release.
func (k *Key) acquire() (opened *Opened, release func(), err error) {
	for {
		k.mu.RLock()
		if k.opened != nil {
			return k.opened, k.release, nil
		}
		attempts := k.attempts
		k.mu.RUnlock()

		if err := k.reopen(attempts); err != nil {
			return nil, nil, err
		}
	}
}

// release ends one use of the key. If the owner has released the key, it also closes the
// key as soon as no other use remains.
func (k *Key) release() {
	released := k.released
	k.mu.RUnlock()
	if released {
		k.Release()
	}
}

// reopen opens the key, unless another caller has tried since attempts was read.
func (k *Key) reopen(attempts int) error {
	k.mu.Lock()
	defer k.mu.Unlock()

	if k.opened != nil {
		return nil
	}
	if k.attempts != attempts {
		return k.err
	}
	k.attempts++
	k.err = k.openLocked()
	return k.err
}

// openLocked opens the key and checks that it is still the same one: PayerMax knows its
// public half, and signatures that do not match it are useless.
func (k *Key) openLocked() error {
	opened, err := k.open()
	if err != nil {
		return err
	}
	public := opened.Signer.Public()
	if k.public == nil {
		k.public = public
	}
	known, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return errors.Join(fmt.Errorf("a %T is not a usable public key", public), opened.Close())
	}
	if !known.Equal(public) {
		return errors.Join(errors.New("there is another key now in the place of the one that was loaded; load the config again to use it"), opened.Close())
	}
	k.opened = &opened
	return nil
}

// discard closes a lost key, unless another caller has already done so.
func (k *Key) discard(lost *Opened) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opened == lost {
		k.closeLocked()
	}
}

// Release closes the key as soon as no signature is under way. Later signatures are still
// possible, but must open the key once more. Release does not wait, because a key that
// hangs must not keep Caddy from loading its next config.
func (k *Key) Release() {
	if k.mu.TryLock() {
		defer k.mu.Unlock()
		k.released = true
		k.closeLocked()
		return
	}
	go func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.released = true
		k.closeLocked()
	}()
}

// closeLocked closes the key. Errors are ignored, because the key is no longer needed.
func (k *Key) closeLocked() {
	if k.opened != nil {
		_ = k.opened.Close()
		k.opened = nil
	}
}
