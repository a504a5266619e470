package keys

import (
	"crypto"
	"crypto/rsa"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Generation is a set of keys, and their key version, that belong together. It is
// immutable: a request that began with a generation finishes with it.
type Generation struct {
	// Signing is the key that signs. It is the zero Key in a generation that only
	// verifies.
	Signing Key
	// Next is tried when the gateway refuses Signing, if there is such a key.
	Next Key
	// Gateway are the keys that PayerMax may sign with. If there are none, its
	// answers are not checked. All holders of the generation share the list.
	Gateway []*rsa.PublicKey
	// KeyVersion is the version that is sent with signatures by Signing (`keyVersion`).
	KeyVersion string
	// Loaded is when the generation was read.
	Loaded time.Time
}

// Key is a key that signs, and its origin. The zero value means that there is no key.
type Key struct {
	// Private signs. It is a named field, because embedding a crypto.Signer would hide
	// the key's other methods, such as those of a signer.ContextSigner.
	Private crypto.Signer
	// Fingerprint is the fingerprint of the public key, as signer.Fingerprint returns it.
	Fingerprint string
	// Source is the name of the source, such as file.
	Source string
	// LacksEngine is the engine that the config asks for, if that engine cannot compute
	// this key's signatures and another one does; otherwise "".
	LacksEngine string
}

// Exists reports whether there is a key.
func (k Key) Exists() bool { return k.Private != nil }

// HasSameNext reports whether the next key is the one that signs already.
func (g Generation) HasSameNext() bool {
	return g.Next.Exists() && g.Next.Fingerprint == g.Signing.Fingerprint
}

// isHalfOf reports whether the public key belongs to this key.
func (k Key) isHalfOf(public *rsa.PublicKey) bool {
	return k.Exists() && public.Equal(k.Private.Public())
}

// Identity identifies a key in metrics and in answers to health probes.
type Identity struct{ Source, Fingerprint string }

// sourceGatewayPublicKey is the name of the source for keys that only verify, which do
// not come from a module.
const sourceGatewayPublicKey = "gateway_public_key"

// Identities returns the identity of the key that signs or, if there is none, those of
// the keys that verify notifications.
func (g Generation) Identities() []Identity {
	if g.Signing.Exists() {
		return []Identity{{g.Signing.Source, g.Signing.Fingerprint}}
	}
	all := make([]Identity, len(g.Gateway))
	for i, key := range g.Gateway {
		all[i] = Identity{sourceGatewayPublicKey, signer.Fingerprint(key)}
	}
	return all
}

// fingerprints returns the fingerprints of the identities, for a log.
func (g Generation) fingerprints() string {
	var all []string
	for _, id := range g.Identities() {
		all = append(all, id.Fingerprint)
	}
	return strings.Join(all, ", ")
}

// promoted returns the generation with the current and the next key exchanged. The old
// key becomes the next one, so that the sidecar can also follow PayerMax back to it.
func (g Generation) promoted() Generation {
	g.Signing, g.Next = g.Next, g.Signing
	return g
}
