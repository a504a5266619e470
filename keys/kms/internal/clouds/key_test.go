package clouds

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"sync"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// key is the key that all the stand-ins share.
type key struct {
	mu     sync.Mutex
	signer crypto.Signer // the key that the cloud claims to have
	signs  *rsa.PrivateKey
	fail   int // the HTTP status to fail with
	block  chan struct{}
}

var (
	theKey key
	rsa2k  = testkeys.Merchant()
	rsa2k2 = testkeys.Stranger()
	rsa1k  = testkeys.Small()
)

// reset makes the stand-ins serve this key without faults.
func (k *key) reset(signer crypto.Signer) {
	k.set(func() {
		k.signer, k.fail, k.block = signer, 0, nil
		k.signs, _ = signer.(*rsa.PrivateKey)
	})
}

func (k *key) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

// public returns the public key, or the status to fail with.
func (k *key) public() (crypto.PublicKey, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.signer.Public(), k.fail
}

func (k *key) spki() ([]byte, int) {
	public, fail := k.public()
	der, err := x509.MarshalPKIXPublicKey(public)
	check(err)
	return der, fail
}

// sign signs a digest, or returns the status to fail with.
func (k *key) sign(digest []byte) ([]byte, int) {
	k.mu.Lock()
	signs, fail, block := k.signs, k.fail, k.block
	k.mu.Unlock()
	if block != nil {
		<-block
	}
	if fail != 0 {
		return nil, fail
	}
	signature, err := rsa.SignPKCS1v15(nil, signs, crypto.SHA256, digest)
	check(err)
	return signature, 0
}
