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

// The keys of all runs. They take long to make, and no run can wear one out.
var (
	// signingKeys are those that a merchant may come to sign with.
	signingKeys = sync.OnceValue(func() []*rsa.PrivateKey { return newKeys(8) })
	// gatewayKey is PayerMax's.
	gatewayKey = sync.OnceValue(func() *rsa.PrivateKey { return newKeys(1)[0] })
	// strangersKey is anybody's.
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

// privatePEM is a key as it is mounted.
func privatePEM(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func publicPEM(key *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key)})
}

// merchant is somebody whose calls are signed, and what the model knows of the keys
// that may sign them. Keys are numbers of signingKeys.
type merchant struct {
	name, appID string
	file        string // the path of its key
	next        string // the path of the key to change over to

	inFile   int          // the key in its file, or in what the file was before it was broken
	isBroken bool         // whether the file has no key in it
	inNext   int          // the key to change over to, or none
	allowed  map[int]bool // the keys that may sign, beside the one to change over to
	written  []int        // the keys that were written since the last that was used, in order
	last     int          // the key that was written last, so that none comes back
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

// unusedKey is a key that the merchant has not used for long.
func (m *merchant) unusedKey() int {
	m.last = (m.last + 2) % len(signingKeys()) // the other merchant has the odd ones
	return m.last
}

// rotate replaces the key in the file.
func (m *merchant) rotate(t require.TestingT) {
	key := m.unusedKey()
	replaceFile(t, m.file, privatePEM(signingKeys()[key]))
	m.inFile, m.isBroken = key, false
	m.allow(key)
}

// allow says that a key has been written that may sign from now on.
func (m *merchant) allow(key int) {
	m.allowed = maps.Clone(m.allowed) // what was allowed before is asked for later
	m.allowed[key] = true
	m.written = append(m.written, key)
}

// repair puts the key back that was there before the file was broken.
func (m *merchant) repair(t require.TestingT) {
	replaceFile(t, m.file, privatePEM(signingKeys()[m.inFile]))
	m.isBroken = false
}

// loaded says that the files have been read anew, and nothing that was before counts.
func (m *merchant) loaded() {
	m.allowed, m.written = map[int]bool{m.inFile: true}, nil
}

// used says which keys have signed in a step. No key that was written before one of them
// may sign in a later step.
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

// replaceFile replaces a file at once, as those do who know how.
func replaceFile(t require.TestingT, path string, content []byte) {
	fresh := path + ".new"
	require.NoError(t, os.RemoveAll(fresh))
	require.NoError(t, os.WriteFile(fresh, content, 0o600))
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		require.NoError(t, os.RemoveAll(path))
	}
	require.NoError(t, os.Rename(fresh, path))
}
