package stores

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Scope is what the keys of one handler have in common. A cluster keeps all keys of a
// scope on one node, so that one operation can use several of them.
type Scope struct{ text string }

// Key is what a store knows a thing by. It can be compared.
type Key struct{ text string }

// NewScope returns the scope that parts identify, such as a kind of handler and an
// app_id. The same parts are the same scope in all replicas.
func NewScope(parts ...string) Scope { return Scope{digest(parts)} }

// Key returns the key of what parts identify within the scope, such as a kind of thing
// and its number.
func (s Scope) Key(parts ...string) Key { return Key{"{" + s.text + "}" + digest(parts)} }

// NewKey returns a key that nothing else has.
func (s Scope) NewKey() Key { return s.Key(rand.Text()) }

// String returns the key as a remote store may have it: two hashes of 128 bits, the
// scope's in braces, which Redis calls a hash tag. Nothing of the parts can be read in it.
func (k Key) String() string { return k.text }

// digest hashes parts, so that no two lists of parts have the same text.
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
