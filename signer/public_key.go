package signer

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
)

// ParsePublicKey reads an RSA public key of 2048 bits or more. It accepts PEM, both
// SubjectPublicKeyInfo ("PUBLIC KEY") and PKCS#1 ("RSA PUBLIC KEY"), and the base64 of
// the same DER without PEM armour, which PayerMax's dashboard shows. It tolerates the
// same variations as [ParsePrivateKey], and its errors do not repeat the text either.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	key, err := parsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return key, nil
}

// parsePublicKey is ParsePublicKey without the prefix of the error.
func parsePublicKey(text []byte) (*rsa.PublicKey, error) {
	der, err := keyDER(text, publicKey)
	if err != nil {
		return nil, asWritten(text, err)
	}
	return publicKeyOf(der, func(found form, want role) error { return refusalIn(text, found, want) })
}

// publicKeyOf is privateKeyOf for a public key.
func publicKeyOf(der []byte, refuse func(form, role) error) (*rsa.PublicKey, error) {
	found, err := identify(der)
	if err != nil {
		return nil, err
	}
	if !found.form.fits(publicKey) {
		return nil, refuse(found.form, publicKey)
	}
	if err := checkBits(found.bits, publicKey); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PublicKey(found.pkcs1)
	if err != nil || !canVerify(key) {
		return nil, errUnusable
	}
	return key, nil
}

// canVerify reports whether crypto/rsa accepts the key. crypto/rsa refuses even moduli
// and bad exponents only when it is asked to verify something, with an error other than
// the one for a wrong signature.
func canVerify(key *rsa.PublicKey) bool {
	digest := make([]byte, sha256.Size)
	signature := make([]byte, key.Size())
	return errors.Is(rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature), rsa.ErrVerification)
}

// Fingerprint returns the name of a public key for logs and messages: "sha256:" and the
// SHA-256, in lower-case hexadecimal, of its SubjectPublicKeyInfo in DER, which is what
// the base64 in PayerMax's dashboard encodes. The same digits are printed by
//
//	openssl pkey -pubin -in public.pem -outform DER | openssl dgst -sha256
//
// for a public key, and for a private key by
//
//	openssl pkey -in private.pem -pubout -outform DER | openssl dgst -sha256
//
// The fingerprint of a key that is nil or has no modulus is "".
func Fingerprint(key *rsa.PublicKey) string {
	if key == nil || key.N == nil {
		return ""
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:])
}
