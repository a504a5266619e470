package signer

import (
	"crypto/rsa"
	"errors"
	"fmt"
)

// ParseKey reads an RSA key that may be private or public. It accepts everything that
// [ParsePrivateKey] and [ParsePublicKey] accept, and the same in binary DER. It is for
// tools that inspect or convert keys; the sidecar itself knows which key it wants, and
// accepts no binary files.
//
// The public key is always returned; the private key is nil if the text holds only a
// public one. A text that cannot be used is refused with the error for what it most
// likely is.
func ParseKey(text []byte) (*rsa.PrivateKey, *rsa.PublicKey, error) {
	private, public, err := parseKey(text)
	if err != nil {
		return nil, nil, fmt.Errorf("key: %w", err)
	}
	return private, public, nil
}

// ReadKeyFile reads the file and parses it as [ParseKey] does, with the same care about
// errors as [ReadPrivateKeyFile].
func ReadKeyFile(path string) (*rsa.PrivateKey, *rsa.PublicKey, error) {
	text, err := ReadKeyText(path)
	if err != nil {
		return nil, nil, anyKeyFileError(path, err)
	}
	private, public, err := parseKey(text)
	if err != nil {
		return nil, nil, anyKeyFileError(path, err)
	}
	return private, public, nil
}

// parseKey is ParseKey without the prefix of the error.
func parseKey(text []byte) (*rsa.PrivateKey, *rsa.PublicKey, error) {
	readPrivate, readPublic := parsePrivateKey, parsePublicKey
	if isDER(text) && len(text) <= maxKeyText {
		readPrivate = func(der []byte) (*rsa.PrivateKey, error) { return privateKeyOf(der, refusalInDER) }
		readPublic = func(der []byte) (*rsa.PublicKey, error) { return publicKeyOf(der, refusalInDER) }
	}
	private, err := readPrivate(text)
	if err == nil {
		return private, &private.PublicKey, nil
	}
	public, publicErr := readPublic(text)
	switch {
	case publicErr == nil:
		return nil, public, nil
	case holdsPublicKeyOnly(err):
		return nil, nil, publicErr
	}
	return nil, nil, err
}

// holdsPublicKeyOnly reports whether a private key was refused because the text holds
// only a public key, so that its refusal as a public key is more helpful.
func holdsPublicKeyOnly(refused error) bool {
	for _, form := range []form{spki, certificate, jwkPublic, dotNetXMLPublic} { // the other public forms have the same refusal as spki
		if refused.Error() == refusals[form].private {
			return true
		}
	}
	return false
}

// anyKeyFileError is fileError for a key that may be either.
func anyKeyFileError(path string, err error) error {
	switch {
	case path == "", errors.Is(err, errKeyAsPath):
		return fmt.Errorf("key: %w", err)
	case len(path) > maxPathInMessage:
		return fmt.Errorf("key file, whose name of %d characters is not repeated here: %w", len(path), err)
	}
	return fmt.Errorf("key file %s: %w", path, ForFile(err, path))
}
