package model

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"
)

// The keys of all runs. They take long to generate, and can be reused.
var (
	// signingKeys are the keys that merchants may sign with.
	signingKeys = sync.OnceValue(func() []*rsa.PrivateKey { return newKeys(8) })
	// gatewayKey is PayerMax's key.
	gatewayKey = sync.OnceValue(func() *rsa.PrivateKey { return newKeys(1)[0] })
	// strangersKey belongs to neither a merchant nor PayerMax.
	strangersKey = sync.OnceValue(func() *rsa.PrivateKey { return newKeys(1)[0] })
)

func newKeys(count int) []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, count)
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(fmt.Sprintf("a key cannot be generated: %v", err))
		}
	}
	return keys
}

func sign(key *rsa.PrivateKey, body []byte) string {
	digest := sha256.Sum256(body)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(fmt.Sprintf("a body cannot be signed: %v", err))
	}
	return base64.StdEncoding.EncodeToString(signature)
}

func verifies(key *rsa.PublicKey, body []byte, signature string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	digest := sha256.Sum256(body)
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) == nil
}

// privatePEM encodes a key as it is mounted.
func privatePEM(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func publicPEM(key *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key)})
}

// merchant is a merchant whose calls are signed, with the model's knowledge of the keys that may
// sign them. Keys are indexes of signingKeys.
type merchant struct {
	name, appID string
	file        string // the path of its key file
	next        string // the path of its next key file

	inFile   int          // the key in its file, or the one that was there before the file was broken
	isBroken bool         // whether the file contains no key
	inNext   int          // the next key, or none
	allowed  map[int]bool // the keys that may sign, besides the next one
	written  []int        // the keys written since the last one that was used, in order
	last     int          // the key that was drawn last, so that old keys do not come back
}

const none = -1

func newMerchant(t require.TestingT, folder, name string, first int) *merchant {
	m := &merchant{
		name: name, appID: "app-of-" + name, file: filepath.Join(folder, name+".key"), next: filepath.Join(folder, name+".next.key"),
		inFile: first, inNext: none, last: first, allowed: map[int]bool{first: true},
	}
	replaceFile(t, m.file, privatePEM(signingKeys()[first]))
	return m
}

// unusedKey returns a key that the merchant has not used for long.
func (m *merchant) unusedKey() int {
	m.last = (m.last + 2) % len(signingKeys()) // the other merchant has the keys of the other parity
	return m.last
}

// rotate replaces the key in the file.
func (m *merchant) rotate(t require.TestingT) {
	key := m.unusedKey()
	replaceFile(t, m.file, privatePEM(signingKeys()[key]))
	m.inFile, m.isBroken = key, false
	m.allow(key)
}

// allow records that a key has been written, which may sign from now on.
func (m *merchant) allow(key int) {
	m.allowed = maps.Clone(m.allowed) // the old map is still used by the current step
	m.allowed[key] = true
	m.written = append(m.written, key)
}

// repair restores the key that was there before the file was broken.
func (m *merchant) repair(t require.TestingT) {
	replaceFile(t, m.file, privatePEM(signingKeys()[m.inFile]))
	m.isBroken = false
}

// loaded records that the files have been read again, so that earlier keys no longer count.
func (m *merchant) loaded() {
	m.allowed, m.written = map[int]bool{m.inFile: true}, nil
}

// used records which keys have signed in a step. A key written before one of them must not sign in
// a later step.
func (m *merchant) used(keys map[int]bool) {
	for i, key := range slices.Backward(m.written) {
		if !keys[key] {
			continue
		}
		m.allowed = make(map[int]bool)
		for _, later := range m.written[i:] {
			m.allowed[later] = true
		}
		m.written = m.written[i+1:]
		return
	}
}

// replaceFile replaces a file atomically, as it should be done.
func replaceFile(t require.TestingT, path string, content []byte) {
	fresh := path + ".new"
	require.NoError(t, os.RemoveAll(fresh))
	require.NoError(t, os.WriteFile(fresh, content, 0o600))
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		require.NoError(t, os.RemoveAll(path))
	}
	require.NoError(t, os.Rename(fresh, path))
}
