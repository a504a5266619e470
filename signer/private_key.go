package signer

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// The minimum and maximum size of an RSA modulus, in bits.
const (
	// minBits is the size that PayerMax requires (developer/signature-rules: 2048).
	minBits = 2048
	// maxBits is also the limit of crypto/tls: a larger key adds no security, but lets an
	// attacker who supplies it exhaust our CPU (CVE-2023-29409).
	maxBits = 8192
)

// selfTestMessage is signed with every private key once before the key is used.
var selfTestMessage = []byte("PayerMax signing key self-test")

var (
	errInconsistent = errors.New("it is an RSA private key with inconsistent numbers: it was damaged or edited; restore it from a backup, or make a new one and give PayerMax its public key")
	errSelfTest     = errors.New("it failed its self-test: its signatures do not verify; make a new one and give PayerMax its public key")
	errUnusable     = errors.New("it is an RSA public key that cannot be used: it was damaged or edited; copy it again from PayerMax's dashboard")
)

// ParsePrivateKey reads an RSA private key of 2048 bits or more. It accepts
//
//   - PEM: PKCS#8 ("PRIVATE KEY") and PKCS#1 ("RSA PRIVATE KEY");
//   - PEM whose label names the other of these two, which PayerMax's PHP SDK writes;
//   - base64 of PKCS#8 or PKCS#1 DER without PEM armour, which PayerMax's dashboard
//     and its Java and Go SDKs use, URL-safe and without padding as well;
//
// with any line wrapping and line ends, surrounding white space, a UTF-8 byte order mark,
// explanatory text before a PEM block, and the changes that env files, scripts, YAML and
// JSON make to a text: one line with spaces, \n or nothing in place of line breaks,
// quotes around it, a name before it. Before the key is returned, it is checked for
// consistency and signs a test message.
//
// Everything else is refused with an error that says what was found and how to convert
// it, without repeating any part of it.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	key, err := parsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return key, nil
}

// parsePrivateKey is ParsePrivateKey without the prefix of the error. Errors of x509 are
// deliberately dropped, here and for public keys: we do not control their texts, so they
// might quote the key.
func parsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	der, err := keyDER(text, privateKey)
	if err != nil {
		return nil, asWritten(text, err)
	}
	return privateKeyOf(der, func(found form, want role) error { return refusalIn(text, found, want) })
}

// privateKeyOf parses DER as a private key. Any other form is refused with the error that
// refuse returns.
func privateKeyOf(der []byte, refuse func(form, role) error) (*rsa.PrivateKey, error) {
	found, err := identify(der)
	if err != nil {
		return nil, err
	}
	if !found.form.fits(privateKey) {
		return nil, refuse(found.form, privateKey)
	}
	// The size is checked first because x509 would only say that a small key is insecure,
	// and would spend much time on an enormous one.
	if err := checkBits(found.bits, privateKey); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(found.pkcs1)
	if err != nil || key.Validate() != nil {
		return nil, errInconsistent
	}
	sign, err := Sign(context.Background(), key, selfTestMessage)
	if err != nil || Verify(&key.PublicKey, selfTestMessage, sign) != nil {
		return nil, errSelfTest
	}
	return key, nil
}

// checkBits refuses an RSA modulus that is too small or absurdly large.
func checkBits(bits int, want role) error {
	remedy := "make a new key with: " + newKeyCommand + " and give PayerMax its public key"
	if want == publicKey {
		remedy = "copy PayerMax's public key again from its dashboard"
	}
	switch {
	case bits < minBits:
		return fmt.Errorf("it is an RSA key of %d bits, but PayerMax needs at least %d: %s", bits, minBits, remedy)
	case bits > maxBits:
		return fmt.Errorf("it is an RSA key of %d bits, but at most %d are supported: %s", bits, maxBits, remedy)
	}
	return nil
}
