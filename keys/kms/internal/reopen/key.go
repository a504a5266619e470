// Package reopen keeps a key usable whose way to it gets lost.
//
// An HSM forgets its sessions when it restarts, when its network drops or when
// somebody pulls it out; and a server that loads a new config is told to let go of
// the old config's keys while requests still sign with them. In both cases the
// next signature opens the key again.
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

// OpenFunc opens the key. It is never called twice at once.
type OpenFunc func() (Opened, error)

// LostFunc tells whether an error of the key's Sign means that the key must be
// opened anew.
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

	// attempts counts the attempts to open the key, and err is what came of the
	// last one: those who waited for an attempt take its outcome for theirs,
	// instead of queueing up to fail one after the other.
	attempts int
	err      error
}

// New returns a closed key. A nil lost stands for a key that never gets lost.
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

// Sign signs a SHA-256 digest with PKCS#1 v1.5. If the key turns out to be lost,
// it is closed, opened anew and asked once more. The libraries below take no
// context: an HSM that hangs cannot be called off.
func (k *Key) Sign(_ context.Context, digest []byte) ([]byte, error) {
	opened, signature, err := k.sign(digest)
	if err == nil || opened == nil || !k.lost(err) {
		return signature, err
	}
	k.discard(opened)
	_, signature, err = k.sign(digest)
	return signature, err
}

// sign asks the key, and returns which opening of it was asked.
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

// release ends the use of the key. Once the key is released by its owner, the
// last one out closes the door.
func (k *Key) release() {
	released := k.released
	k.mu.RUnlock()
	if released {
		k.Release()
	}
}

// reopen opens the key, unless somebody else tried to since there were so many
// attempts.
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

// openLocked opens the key and makes sure that it is still the same one: its
// public half is known elsewhere, and signatures that do not match it are no use.
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

// discard closes a lost key, unless somebody else already did.
func (k *Key) discard(lost *Opened) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opened == lost {
		k.closeLocked()
	}
}

// Release lets go of the key. It is closed as soon as nobody signs with it;
// whoever signs with it later still can, at the price of opening it once more.
// Release does not wait, because a key that hangs must not keep a server from
// loading its next config.
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

// closeLocked closes the key. What goes wrong there is nobody's concern any more.
func (k *Key) closeLocked() {
	if k.opened != nil {
		_ = k.opened.Close()
		k.opened = nil
	}
}
