// Package testkeys generates the keys and certificates of the tests, and the texts and
// files that hold them. They are generated when the tests run: no private key, however
// worthless, belongs in a repository.
package testkeys

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// The keys that most tests need. Each is generated once per process, on first use.
var (
	// Merchant returns the key that the merchant signs with.
	Merchant = once(2048)
	// Next returns the key that the merchant rotates to.
	Next = once(2048)
	// Gateway returns the key that PayerMax signs its answers with.
	Gateway = once(2048)
	// Stranger returns a valid key that belongs to neither the merchant nor PayerMax.
	Stranger = once(2048)
	// Large returns a key of 3072 bits, which is allowed as well.
	Large = once(3072)
	// Small returns a key of 1024 bits, which must be refused. crypto/rsa generates no
	// shorter ones.
	Small = once(1024)
)

// New generates another key. It panics on failure, so that it can be used in tables.
func New(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func once(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey { return New(bits) })
}
