package keys

import (
	"crypto"
	"crypto/rsa"
	"slices"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Generation is what belongs together and is used together. It never changes: a
// request that began with a generation finishes with it.
type Generation struct {
	// Signing is the key that signs. A generation that only verifies has none.
	Signing Key
	// Next is tried when the gateway refuses Signing, if there is such a key.
	Next Key
	// Gateway are the keys that PayerMax may sign with. If there are none, its
	// answers are not checked. All holders of the generation share the list.
	Gateway []*rsa.PublicKey
	// KeyVersion is what goes with Signing (`keyVersion`).
	KeyVersion string
	// Loaded is when the generation was read.
	Loaded time.Time
}

// Key is a key that signs, and where it came from. The zero value is no key.
type Key struct {
	// Private signs. It is a field of its own: a struct that embeds a crypto.Signer
	// has none of the further methods of the key inside, such as those of a
	// signer.ContextSigner.
	Private crypto.Signer
	// Fingerprint is that of the public half, as signer.Fingerprint writes it.
	Fingerprint string
	// Source is the name of the source, such as file.
	Source string
	// LacksEngine is the engine that the config asks for, if it cannot compute the
	// signatures of this key, so that another one does; otherwise "".
	LacksEngine string
}

// Exists reports whether there is a key.
func (k Key) Exists() bool { return k.Private != nil }

// TakesOwnForGateways reports whether a key that PayerMax may sign with is the merchant's
// own, which verifies nothing of PayerMax's: somebody has mixed the two up.
func (g Generation) TakesOwnForGateways() bool {
	return slices.ContainsFunc(g.Gateway, func(key *rsa.PublicKey) bool {
		return g.Signing.isHalfOf(key) || g.Next.isHalfOf(key)
	})
}

// isHalfOf reports whether a public key belongs to this one.
func (k Key) isHalfOf(public *rsa.PublicKey) bool {
	return k.Exists() && public.Equal(k.Private.Public())
}

// Identity tells a key from others, in metrics and in answers to probes.
type Identity struct{ Source, Fingerprint string }

// sourceGatewayPublicKey is the source of keys that only verify, which are not a
// module's.
const sourceGatewayPublicKey = "gateway_public_key"

// Identities are those of the key that signs or, where none does, of the keys that
// notifications are verified with.
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

// fingerprints writes the identities for a log.
func (g Generation) fingerprints() string {
	var all []string
	for _, id := range g.Identities() {
		all = append(all, id.Fingerprint)
	}
	return strings.Join(all, ", ")
}

// promoted returns the generation with the next key in the place of the current one.
// The other becomes the next one, so that the sidecar follows a change that PayerMax
// takes back as well.
func (g Generation) promoted() Generation {
	g.Signing, g.Next = g.Next, g.Signing
	return g
}
