package signer

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
)

// form is what a file turns out to hold: a key that can be used, or one of the
// things that people mistake for it.
type form int

const (
	unknown form = iota

	pkcs8        // PrivateKeyInfo of an RSA key, RFC 5958
	pkcs1Private // RSAPrivateKey, RFC 8017 appendix A.1.2
	spki         // SubjectPublicKeyInfo of an RSA key, RFC 5280 section 4.1
	pkcs1Public  // RSAPublicKey, RFC 8017 appendix A.1.1

	encryptedPrivate
	ecPrivate
	ecPublic
	edwardsPrivate
	edwardsPublic
	dsaPrivate
	dsaPublic
	pssPrivate
	pssPublic
	otherPrivate
	otherPublic
	opensshPrivate
	opensshPublic
	ssh2Public // RFC 4716
	certificate
	certificateRequest
	pkcs7
	jwk
	jwkPublic
	dotNetXML
	dotNetXMLPublic
	putty
	pgp
	pkcs12
	pkcs12Legacy // PKCS#12 with RC2 or RC4, as Windows and old programs write it
	bks          // Bouncy Castle's keystore; uber is its encrypted kind
	uber
	javaKeystore
)

// finding is the result of identify: the form and, for an RSA key, the PKCS#1 structure
// inside and the length of its modulus in bits.
type finding struct {
	form  form
	pkcs1 []byte
	bits  int
}

var (
	errDamaged  = errors.New("it is cut short or damaged; copy it again, complete")
	errTrailing = errors.New("there is other data after the end of the key; leave only the key")
)

// algorithms maps the object identifiers of algorithms, which PKCS#8 and
// SubjectPublicKeyInfo contain (RFC 3279, RFC 4055, RFC 5480, RFC 8410), to the forms of
// their keys.
var algorithms = map[string]struct{ private, public form }{
	"1.2.840.113549.1.1.1":  {pkcs8, spki},
	"1.2.840.113549.1.1.10": {pssPrivate, pssPublic},
	"1.2.840.10045.2.1":     {ecPrivate, ecPublic},
	"1.2.840.10040.4.1":     {dsaPrivate, dsaPublic},
	"1.3.101.112":           {edwardsPrivate, edwardsPublic},
	"1.3.101.113":           {edwardsPrivate, edwardsPublic},
}

// identify determines what a piece of DER is by its outline alone, that is, by the types
// of the elements of its outermost SEQUENCE. The label of a PEM block proves nothing
// (PayerMax's PHP SDK writes PKCS#8 under "RSA PRIVATE KEY"), and the one-line form has
// no label at all. Whether the contents are valid is left to x509.
func identify(der []byte) (finding, error) {
	if !beginsSequence(der) {
		return finding{}, errNotAKey
	}
	elements, err := sequence(der)
	if ber := formOfBER(der); err != nil && ber != unknown {
		return finding{form: ber}, nil
	}
	if err != nil {
		return finding{}, err
	}
	switch outline := outlineOf(elements); {
	case strings.HasPrefix(outline, "iiiiiiiii"):
		return finding{pkcs1Private, der, bitLen(elements[1])}, nil
	case outline == "iiiiii":
		return finding{form: dsaPrivate}, nil
	case outline == "ii":
		return finding{pkcs1Public, der, bitLen(elements[0])}, nil
	case strings.HasPrefix(outline, "iso"):
		return identifyInside(elements[1], elements[2], privateKey)
	case outline == "sb":
		return identifyInside(elements[0], elements[1], publicKey)
	case strings.HasPrefix(outline, "io"):
		return finding{form: ecPrivate}, nil
	case outline == "so":
		return finding{form: encryptedPrivate}, nil
	case outline == "ssb" && isRequest(elements[0]):
		return finding{form: certificateRequest}, nil
	case outline == "ssb":
		return finding{form: certificate}, nil
	case outline == "xx" && elements[0].Tag == asn1.TagOID:
		return finding{form: pkcs7}, nil
	case strings.HasPrefix(outline, "is") && isLegacy(der):
		return finding{form: pkcs12Legacy}, nil
	case strings.HasPrefix(outline, "is"):
		return finding{form: pkcs12}, nil
	}
	return finding{}, errNotAKey
}

// formOfBER recognises, by their beginning, the files that old programs write in BER with
// indefinite lengths. OpenSSL reads them, but [sequence] does not.
func formOfBER(der []byte) form {
	if len(der) < 2 {
		return unknown
	}
	header := 2
	if der[1] > 0x80 {
		header += int(der[1] & 0x7f)
	}
	inside := der[min(header, len(der)):]
	switch {
	case bytes.HasPrefix(inside, []byte("\x02\x01\x03\x30")) && isLegacy(der): // version 3, RFC 7292 section 4
		return pkcs12Legacy
	case bytes.HasPrefix(inside, []byte("\x02\x01\x03\x30")):
		return pkcs12
	case bytes.HasPrefix(inside, []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07")): // RFC 2315 section 7
		return pkcs7
	}
	return unknown
}

// isLegacy reports whether a PKCS#12 keystore names RC2 or RC4 (RFC 7292 appendix C), which
// OpenSSL 3 decrypts only if it is told to.
func isLegacy(keystore []byte) bool {
	const pbe = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01" // 1.2.840.113549.1.12.1
	return slices.ContainsFunc([]byte{1, 2, 5, 6}, func(algorithm byte) bool {
		return bytes.Contains(keystore, append([]byte(pbe), algorithm))
	})
}

// isRequest distinguishes a certificate request from a certificate. In a request, the
// subject follows the version directly (RFC 2986 section 4.1), without a serial number.
func isRequest(info asn1.RawValue) bool {
	elements, err := sequence(info.FullBytes)
	return err == nil && outlineOf(elements) == "issx"
}

// identifyInside identifies the key inside PKCS#8 or SubjectPublicKeyInfo, both of which
// name its algorithm.
func identifyInside(algorithm, content asn1.RawValue, kind role) (finding, error) {
	var id pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(algorithm.FullBytes, &id); err != nil {
		return finding{}, errDamaged
	}
	forms, known := algorithms[id.Algorithm.String()]
	if !known {
		forms.private, forms.public = otherPrivate, otherPublic
	}
	result, inside, modulus := finding{form: forms.private}, "iiiiiiiii", 1
	if kind == publicKey {
		result, inside, modulus = finding{form: forms.public}, "ii", 0
	}
	if result.form != pkcs8 && result.form != spki {
		return result, nil
	}
	result.pkcs1 = content.Bytes
	if kind == publicKey {
		// The first byte of a BIT STRING counts unused bits; DER has none here.
		result.pkcs1 = content.Bytes[min(1, len(content.Bytes)):]
	}
	elements, err := sequence(result.pkcs1)
	if err != nil {
		return finding{}, err
	}
	if !strings.HasPrefix(outlineOf(elements), inside) {
		return finding{}, errDamaged
	}
	result.bits = bitLen(elements[modulus])
	return result, nil
}

// sequence returns the elements of the SEQUENCE that is the whole of der. Unlike x509, it
// refuses bytes after the structure, because a file with two keys is the result of a
// failed rotation.
func sequence(der []byte) ([]asn1.RawValue, error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	switch {
	case err != nil || !beginsSequence(der):
		return nil, errDamaged
	case len(rest) > 0:
		return nil, errTrailing
	}
	var elements []asn1.RawValue
	for rest = outer.Bytes; len(rest) > 0; {
		var element asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &element); err != nil {
			return nil, errDamaged
		}
		elements = append(elements, element)
	}
	return elements, nil
}

// beginsSequence reports whether der begins with the tag of a SEQUENCE.
func beginsSequence(der []byte) bool { return bytes.HasPrefix(der, []byte{0x30}) }

// outlineOf returns one letter for each element: i for INTEGER, b for BIT STRING, o for
// OCTET STRING, s for SEQUENCE, x for anything else.
func outlineOf(elements []asn1.RawValue) string {
	letters := map[int]byte{asn1.TagInteger: 'i', asn1.TagBitString: 'b', asn1.TagOctetString: 'o', asn1.TagSequence: 's'}
	var outline strings.Builder
	for _, element := range elements {
		letter, ok := letters[element.Tag]
		if !ok || element.Class != asn1.ClassUniversal {
			letter = 'x'
		}
		outline.WriteByte(letter)
	}
	return outline.String()
}

// bitLen returns the length in bits of a non-negative INTEGER.
func bitLen(integer asn1.RawValue) int {
	return new(big.Int).SetBytes(integer.Bytes).BitLen()
}
