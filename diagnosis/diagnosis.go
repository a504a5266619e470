// Package diagnosis finds out why a signature does not verify.
//
// PayerMax answers SIGN_VERIFY_FAILED and nothing else. But anyone with the public key
// can recover the signed digest from an RSA signature with PKCS #1 v1.5 padding (RFC
// 8017, section 8.2.2), so this package does not have to guess. Valid padding in the
// result proves that the key is the right one; otherwise another key has signed, or the
// signature was changed in a way that this package does not know. The digest is compared
// with that of the body at hand and, if they differ, with those of the bodies that the
// usual mistakes would have produced.
//
// Only public keys are used. The texts never repeat any part of the body, of the
// signature or of a key; the digest of what was signed is not a secret.
//
// The package depends on neither Caddy nor HTTP.
package diagnosis

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"slices"
)

// Cause is a stable, machine-readable name of a mistake.
type Cause string

const (
	// Valid: nothing is wrong. This is the result for exactly those signatures that
	// PayerMax's rules allow: RSASSA-PKCS1-v1_5 with SHA-256 over exactly the body, in
	// standard padded base64 on one line.
	Valid Cause = "valid"

	// UnusableKey: the key given is not an RSA public key that can verify anything.
	UnusableKey Cause = "unusable-key"

	// SignatureMissing: there is no signature.
	SignatureMissing Cause = "signature-missing"
	// SignatureDamaged: the text is not a signature in any known spelling, or was truncated.
	SignatureDamaged Cause = "signature-damaged"
	// SignatureEncoding: it is a signature, but not in standard padded base64.
	SignatureEncoding Cause = "signature-encoding"

	// WrongKey: the signature was made with another key.
	WrongKey Cause = "wrong-key"
	// PSSPadding: it was made with RSASSA-PSS.
	PSSPadding Cause = "pss-padding"
	// OtherPadding: it was made with bare RSA, or with PKCS #1 v1.5 padding around something
	// other than a proper DigestInfo.
	OtherPadding Cause = "other-padding"
	// HashAlgorithm: it was made with a hash other than SHA-256.
	HashAlgorithm Cause = "hash-algorithm"

	// TrailingNewline: a line break at the end of the body was added or removed.
	TrailingNewline Cause = "trailing-newline"
	// LineEndings: CRLF became LF, or the other way round, or lines were joined.
	LineEndings Cause = "line-endings"
	// ByteOrderMark: a UTF-8 byte order mark was added or removed.
	ByteOrderMark Cause = "byte-order-mark"
	// WhiteSpace: white space around the body was added or removed, or all of it was removed.
	WhiteSpace Cause = "white-space"
	// Compressed: the body at hand is compressed, what was signed is not.
	Compressed Cause = "compressed"
	// CharacterSet: the text was signed in another character encoding.
	CharacterSet Cause = "character-set"
	// NoBody: nothing was signed, or a placeholder that programs write for a missing body,
	// such as null.
	NoBody Cause = "no-body"
	// BodyCut: only the beginning of the body was signed.
	BodyCut Cause = "body-cut"
	// DigestSigned: a digest of the body was signed instead of the body.
	DigestSigned Cause = "digest-signed"
	// JSONString: the body was signed as a JSON string, in quotes and with escapes,
	// or the other way round.
	JSONString Cause = "json-string"
	// URLEncoded: the body was signed in URL encoding, or the other way round.
	URLEncoded Cause = "url-encoded"
	// HTMLEncoded: the body was signed with the character references of HTML, or the
	// other way round.
	HTMLEncoded Cause = "html-encoded"
	// Base64Encoded: the body was signed in base64, or the other way round.
	Base64Encoded Cause = "base64-encoded"
	// QueryString: name=value pairs were signed, not the JSON.
	QueryString Cause = "query-string"
	// CanonicalText: the body was signed together with something else, such as a
	// method, a path and a time.
	CanonicalText Cause = "canonical-text"
	// DataOnly: only the data block was signed.
	DataOnly Cause = "data-only"
	// JSONRewritten: the same JSON was signed in another notation.
	JSONRewritten Cause = "json-rewritten"
	// EnvelopeChanged: members other than data were added after signing.
	EnvelopeChanged Cause = "envelope-changed"
	// Restamped: version, keyVersion or requestTime was changed after signing.
	Restamped Cause = "restamped"
	// OtherBytes: the key is right, but something else was signed, which none of the usual
	// mistakes explains.
	OtherBytes Cause = "other-bytes"
)

// Finding is one mistake in a signature.
type Finding struct {
	Cause Cause `json:"cause"`
	// Advice explains the mistake and what to do about it, in full sentences.
	Advice string `json:"advice"`
}

// Diagnosis is the result of [Diagnose].
type Diagnosis struct {
	// Finding is the mistake to fix first.
	Finding
	// Further lists the other mistakes, in the order in which they were found.
	Further []Finding

	// Signer is the given key that the signature was made with, or nil if it was made with
	// none of them or is damaged.
	Signer *rsa.PublicKey
	// Hash and Digest are the hash function and the digest that were signed, if they can be
	// recovered: a PSS signature does not reveal its digest.
	Hash   crypto.Hash
	Digest []byte
}

// Diagnose says whether sign is the signature of exactly the bytes of body by the private
// key that belongs to key and, if it is not, why. If it was made with one of the other
// keys, Diagnose says so and continues with that key.
//
// It treats all input as hostile and does a bounded amount of work: a tenth of a
// millisecond for a valid signature or a wrong key, but some tenths of a second for the
// right key and unknown bytes, because it then tries up to a quarter of a million
// variations of the body. Do not call it in the path of a request.
func Diagnose(key *rsa.PublicKey, body []byte, sign string, otherKeys ...*rsa.PublicKey) Diagnosis {
	if !usable(key) {
		return diagnosed(Finding{UnusableKey, "The public key is not an RSA key that can verify anything."})
	}
	signature, spelling := decodeSignature(sign)
	if signature == nil {
		return diagnosed(spelling)
	}
	var findings []Finding
	if spelling.Cause != Valid {
		findings = append(findings, spelling)
	}

	keys := append([]*rsa.PublicKey{key}, otherKeys...)
	signed, signer := openWithAny(keys, signature, body)
	if signer == nil || signed.doubtful && !signed.covers(body) {
		if turned, by := openWithAny(keys, reversed(signature), body); by != nil && (!turned.doubtful || turned.covers(body)) {
			signed, signer = turned, by
			findings = append(findings, littleEndian)
		}
	}
	var differs []Finding
	if signer != nil && !signed.covers(body) {
		differs = []Finding{search(signed, body)}
	}
	switch {
	case signer == nil && !fits(signature, key):
		// The spelling of the signature does not matter any more.
		return diagnosed(unknownKey(key, signature, len(otherKeys)))
	case signer == nil:
		return diagnosed(append(findings, unknownKey(key, signature, len(otherKeys)))...)
	case signed.doubtful && differs != nil && differs[0].Cause == OtherBytes:
		unknown := unknownKey(key, signature, len(otherKeys))
		unknown.Advice += " (Or it has PSS padding with the longest possible salt, and covers other bytes.)"
		return diagnosed(append(findings, unknown)...)
	case signer != key:
		findings = append(findings, Finding{WrongKey, "The signature was not made with the expected key, but with another of the given keys: sign with the private key that belongs to the public key on the other side, or upload the other public key."})
	}

	diagnosis := diagnosed(slices.Concat(findings, signed.findings(), differs)...)
	diagnosis.Signer, diagnosis.Hash, diagnosis.Digest = signer, signed.hash, signed.digest
	return diagnosis
}

// diagnosed returns the diagnosis with these findings. Without findings, the signature is
// valid.
func diagnosed(findings ...Finding) Diagnosis {
	if len(findings) == 0 {
		return Diagnosis{Finding: Finding{Valid, "The signature is valid."}}
	}
	return Diagnosis{Finding: findings[0], Further: findings[1:]}
}

// openWithAny opens the signature with the first key that fits. A reading that is
// certain, because of its padding or because it matches the body, takes precedence over
// one that may be a coincidence.
func openWithAny(keys []*rsa.PublicKey, signature, body []byte) (signed, *rsa.PublicKey) {
	var (
		doubtful signed
		signer   *rsa.PublicKey
	)
	for _, key := range keys {
		if !usable(key) {
			continue
		}
		for _, reading := range open(key, signature) {
			if !reading.doubtful || reading.covers(body) {
				return reading, key
			}
			if signer == nil {
				doubtful, signer = reading, key
			}
		}
	}
	return doubtful, signer
}

// littleEndian is the finding for a signature whose bytes are in the order of Windows'
// CryptoAPI.
var littleEndian = Finding{SignatureEncoding, "The bytes of the signature are in reverse order, as Windows' CryptoAPI returns them (CryptSignHash). Reverse them before encoding them in base64, or sign with CNG or .NET's RSA.SignData."}

// reversed returns the bytes in reverse order.
func reversed(signature []byte) []byte {
	turned := slices.Clone(signature)
	slices.Reverse(turned)
	return turned
}

// fits reports whether the signature has the size of the key's signatures.
func fits(signature []byte, key *rsa.PublicKey) bool { return len(signature) == key.Size() }

// unknownKey returns the finding for a signature that was made with none of the keys.
func unknownKey(key *rsa.PublicKey, signature []byte, others int) Finding {
	const remedy = " Compare the fingerprint of the signer's public key with that of the key on the other side. Test and production have different keys, and so does each appId."
	switch {
	case !fits(signature, key) && slices.Contains([]int{1024, 2048, 3072, 4096, 8192}, len(signature)*8):
		return Finding{WrongKey, fmt.Sprintf("The signature was made with another key: it was a %d-bit key, and this key has %d bits.%s", len(signature)*8, key.N.BitLen(), remedy)}
	case !fits(signature, key):
		return Finding{SignatureDamaged, fmt.Sprintf("The signature has %d bytes, but a signature of this key has %d: it was cut, or something was added to it. Copy it again, complete.", len(signature), key.Size())}
	case others > 0:
		return Finding{WrongKey, "The signature was made with none of the given keys, or it was changed in transit." + remedy}
	}
	return Finding{WrongKey, "The signature was made with another key, or it was changed in transit." + remedy}
}
