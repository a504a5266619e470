// Package testkeys makes the keys and certificates of the tests, and the texts and
// files that hold them. They are made when the tests run: no private key, however
// worthless, belongs in a repository.
package testkeys

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// The keys that most tests need. Each is generated once in a process, when it is
// first asked for.
var (
	// Merchant returns the key with which the merchant signs.
	Merchant = once(2048)
	// Next returns the key that the merchant changes to.
	Next = once(2048)
	// Gateway returns the key with which PayerMax signs its answers.
	Gateway = once(2048)
	// Stranger returns a key that is as good as the others, and nobody's.
	Stranger = once(2048)
	// Large returns a key of 3072 bits, which may be used as well.
	Large = once(3072)
	// Small returns a key of 1024 bits, which must not be used: it is the shortest that
	// crypto/rsa makes.
	Small = once(1024)
)

// New generates another key. It panics if it cannot, so that it may stand in tables.
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
