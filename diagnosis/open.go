package diagnosis

import (
	"bytes"
	"cmp"
	"crypto"
	_ "crypto/md5" // the hashes that a signature may use
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
)

// padding is how the digest was wrapped before it was signed.
type padding int

const (
	pkcs1v15     padding = iota // RFC 8017 section 9.2
	oddInfo                     // the same, with a DigestInfo in another encoding
	noInfo                      // the same, with something other than a DigestInfo
	noPadding                   // RFC 8017 section 5.2.1 without any padding
	pss                         // RFC 8017 section 9.1
	shortestBare = 16           // the length of the shortest content of noPadding in bytes: an MD5 digest
)

// signed is what was signed, as recovered from a signature.
type signed struct {
	padding padding
	// hash and digest are set if they are known: the hash is not known for noInfo and
	// noPadding, and the digest is not known for pss.
	hash   crypto.Hash
	digest []byte
	// bare is the signed content with noInfo or noPadding.
	bare []byte
	// salt and salted are the parts of pss: a salt, and the hash of salt and digest.
	salt, salted []byte
	// doubtful is true if this may be a coincidence: with the longest salt, which some
	// libraries use by default, only sixteen bits of pss are fixed.
	doubtful bool
}

// usable reports whether the key can open signatures. The upper bound of the modulus is
// that of crypto/tls: larger keys only waste CPU time.
func usable(key *rsa.PublicKey) bool {
	return key != nil && key.N != nil && key.N.Sign() > 0 && key.N.Bit(0) == 1 &&
		key.N.BitLen() >= 1024 && key.N.BitLen() <= 8192 && key.E >= 3 && key.E <= 1<<31-1
}

// open recovers what was signed from a signature that was made with this key; with
// another key, there is no valid padding. There may be several readings, the likelier
// ones first. Using math/big is safe, because the operation involves only the public key.
func open(key *rsa.PublicKey, signature []byte) []signed {
	number := new(big.Int).SetBytes(signature)
	if len(signature) != key.Size() || number.Cmp(key.N) >= 0 {
		return nil
	}
	number.Exp(number, big.NewInt(int64(key.E)), key.N)
	message := number.FillBytes(make([]byte, key.Size()))
	if content, ok := removePKCS1v15(message); ok {
		return []signed{readDigestInfo(content)}
	}
	// Many leading zeros prove that a number was signed that is much smaller than the
	// modulus: another key would not produce them from this signature.
	if bare := bytes.TrimLeft(message, "\x00"); len(bare) >= shortestBare && len(bare) <= len(message)/2 {
		content := readDigestInfo(bare)
		content.padding, content.bare = noPadding, bare
		return []signed{content}
	}
	return removePSS(message, key.N.BitLen())
}

// removePKCS1v15 removes 00 01 FF ... FF 00.
func removePKCS1v15(message []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(message, []byte{0, 1})
	content := bytes.TrimLeft(rest, "\xff")
	if !ok || len(rest)-len(content) < 8 || len(content) == 0 || content[0] != 0 {
		return nil, false
	}
	return content[1:], true
}

// hashes are the hashes that can be recognised and computed, by object identifier (RFC
// 8017 appendix B.1).
var hashes = map[string]crypto.Hash{
	"1.2.840.113549.2.5":     crypto.MD5,
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
	"2.16.840.1.101.3.4.2.4": crypto.SHA224,
	"2.16.840.1.101.3.4.2.6": crypto.SHA512_256,
}

// digestInfo is the structure DigestInfo in RFC 8017 appendix A.2.4.
type digestInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

// readDigestInfo parses the content of the padding.
func readDigestInfo(content []byte) signed {
	var info digestInfo
	if rest, err := asn1.Unmarshal(content, &info); err != nil || len(rest) > 0 {
		return signed{padding: noInfo, bare: content}
	}
	hash := hashes[info.Algorithm.Algorithm.String()]
	result := signed{padding: pkcs1v15, hash: hash, digest: info.Digest}
	proper, err := asn1.Marshal(digestInfo{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: info.Algorithm.Algorithm, Parameters: asn1.NullRawValue},
		Digest:    info.Digest,
	})
	if err != nil || !bytes.Equal(content, proper) || hash != 0 && len(info.Digest) != hash.Size() {
		result.padding = oddInfo
	}
	return result
}

// removePSS undoes the encoding of RFC 8017 section 9.1.1 with a salt of any length. The
// mask is generated with the same hash or, as is the default in Java and .NET, with
// SHA-1. The more zeros precede the salt, the less likely is a coincidence.
// If it may be one, a zero more or less means nothing, and SHA-256 is preferred.
func removePSS(message []byte, bits int) []signed {
	length := (bits - 1 + 7) / 8
	message = message[len(message)-length:]
	if message[length-1] != 0xbc {
		return nil
	}
	var readings []signed
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA1, crypto.SHA384, crypto.SHA512} {
		block := length - hash.Size() - 1
		salted := message[block : length-1]
		for _, masking := range slices.Compact([]crypto.Hash{hash, crypto.SHA1}) {
			unmasked := mask(masking, salted, block)
			for i := range unmasked {
				unmasked[i] ^= message[i]
			}
			unmasked[0] &= 0xff >> (8*length - (bits - 1))
			if salt, ok := bytes.CutPrefix(bytes.TrimLeft(unmasked, "\x00"), []byte{1}); ok {
				zeros := block - 1 - len(salt)
				readings = append(readings, signed{padding: pss, hash: hash, salt: salt, salted: salted, doubtful: zeros < 8})
			}
		}
	}
	room := func(r signed) int { // that the salt and the digest take
		if r.doubtful {
			return length
		}
		return len(r.salt) + r.hash.Size()
	}
	slices.SortStableFunc(readings, func(a, b signed) int { return cmp.Compare(room(a), room(b)) })
	return readings
}

// mask is MGF1 of RFC 8017 appendix B.2.1.
func mask(hash crypto.Hash, seed []byte, length int) []byte {
	var out []byte
	for counter := byte(0); len(out) < length; counter++ {
		h := hash.New()
		h.Write(seed)
		h.Write([]byte{0, 0, 0, counter})
		out = h.Sum(out)
	}
	return out[:length]
}

// covers reports whether this is a signature over the message.
func (s signed) covers(message []byte) bool {
	if s.hash != 0 {
		return s.coversDigest(digestOf(s.hash, message))
	}
	return s.bare != nil && (bytes.Equal(s.bare, message) || s.coversBareDigest(message))
}

// coversDigest reports whether this is a signature over a message with that digest.
func (s signed) coversDigest(digest []byte) bool {
	if s.padding == pss {
		h := s.hash.New()
		h.Write(make([]byte, 8))
		h.Write(digest)
		h.Write(s.salt)
		digest = h.Sum(nil)
		return bytes.Equal(digest, s.salted)
	}
	return s.digest != nil && bytes.Equal(digest, s.digest)
}

// coversBareDigest reports whether a digest of the message was signed as it is, in
// hexadecimal, or in base64.
func (s signed) coversBareDigest(message []byte) bool {
	for _, hash := range hashes {
		switch len(s.bare) {
		case hash.Size(), hex.EncodedLen(hash.Size()), base64.StdEncoding.EncodedLen(hash.Size()):
			for _, text := range digestTexts(digestOf(hash, message)) {
				if bytes.Equal(s.bare, text) {
					return true
				}
			}
		}
	}
	return false
}

// digestOf hashes a message.
func digestOf(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// digestTexts returns the forms in which programs pass digests on: raw, hexadecimal and
// base64.
func digestTexts(digest []byte) [][]byte {
	lower := hex.AppendEncode(nil, digest)
	return [][]byte{digest, lower, bytes.ToUpper(lower), base64.StdEncoding.AppendEncode(nil, digest)}
}

// findings returns the mistakes in how the signature was made.
func (s signed) findings() []Finding {
	var found []Finding
	switch s.padding {
	case pss:
		found = append(found, Finding{PSSPadding, "The signature was made with the right key but with PSS padding: PayerMax uses RSASSA-PKCS1-v1_5, which is called SHA256withRSA in Java, OPENSSL_ALGO_SHA256 in PHP, and PKCS1v15 in Go and Python."})
	case oddInfo:
		found = append(found, Finding{OtherPadding, "The signature was made with the right key, but the digest in it is not wrapped as RFC 8017 requires. Let the library hash and sign in one step, with what it calls SHA256withRSA."})
	case noInfo:
		found = append(found, Finding{OtherPadding, "The right key signed, or rather encrypted, data without naming a hash. Use the library's signing function (openssl_sign, Signature, SignPKCS1v15), not the one that encrypts with a private key."})
	case noPadding:
		found = append(found, Finding{OtherPadding, "The signature was made with the right key but without any padding. Let the library hash and sign in one step, with what it calls SHA256withRSA."})
	}
	switch {
	case s.hash == 0 && s.digest != nil:
		found = append(found, Finding{HashAlgorithm, "The signature was made with the right key but with an unusual hash. PayerMax uses SHA-256: choose SHA256withRSA."})
	case s.hash != 0 && s.hash != crypto.SHA256:
		found = append(found, Finding{HashAlgorithm, fmt.Sprintf("The signature was made with %s. PayerMax uses SHA-256: choose SHA256withRSA.", s.hash)})
	}
	return found
}
