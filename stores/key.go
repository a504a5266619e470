package stores

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Scope is what the keys of one handler have in common. A cluster keeps all keys of a scope
// on one node, so that one operation can use several of them.
type Scope struct{ text string }

// Key identifies something in a store. Keys can be compared.
type Key struct{ text string }

// NewScope returns the scope that parts identify, such as a kind of handler and an app_id.
// The same parts give the same scope in all replicas.
func NewScope(parts ...string) Scope { return Scope{digest(parts)} }

// Key returns the key that parts identify within the scope, such as a kind of object and its
// number.
func (s Scope) Key(parts ...string) Key { return Key{"{" + s.text + "}" + digest(parts)} }

// NewKey returns a new, unique key.
func (s Scope) NewKey() Key { return s.Key(rand.Text()) }

// String returns the key as a remote store sees it: two hashes of 128 bits, with the scope's
// hash in braces, which Redis calls a hash tag. The parts cannot be read from it.
func (k Key) String() string { return k.text }

// digest hashes parts. Different lists of parts have different inputs to the hash.
func digest(parts []string) string {
	hash := sha256.New()
	for _, part := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		hash.Write(length[:])
		hash.Write([]byte(part))
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
