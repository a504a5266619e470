// Package signer signs what is sent to PayerMax and verifies what is received from it.
//
// PayerMax's signature is RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2) with SHA-256 over the
// HTTP body, byte for byte as it is sent; nothing else is covered, and nothing is
// canonicalised. It is sent as standard padded base64 on one line (docs.payermax.com:
// developer/signature-rules). Requests are signed with the merchant's key, and responses
// and notifications with PayerMax's, all in the same way.
//
// The package also reads keys, in every form that PayerMax's dashboard, its SDKs and
// OpenSSL write. It refuses other forms with a sentence that says what to do. No error of
// this package repeats any part of a key, of a body or of a signature.
//
// The package does not depend on Caddy or on HTTP.
package signer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrSignatureMalformed says that a text cannot be a signature by the key at all: it
	// is missing, has the wrong length or is not standard padded base64. It was cut or
	// changed on the way, or was made with a key of another size.
	ErrSignatureMalformed = errors.New("malformed signature")

	// ErrSignatureMismatch says that a well-formed signature was not made by the key over
	// exactly these bytes: the body was changed or re-encoded on the way, or another key
	// signed it.
	ErrSignatureMismatch = errors.New("the signature does not match the body and the public key")
)

// ContextSigner is a crypto.Signer whose key is outside this process (in an HSM or a
// KMS), and that can give up when the request ends.
type ContextSigner interface {
	crypto.Signer
	// SignContext signs as Sign does, but returns an error when ctx ends first.
	SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// BatchSigner is a crypto.Signer in this process that computes concurrently requested
// signatures together. It is not a [ContextSigner], because it uses the CPU of this
// process.
type BatchSigner interface {
	crypto.Signer
	// SignBatched signs a SHA-256 digest with RSASSA-PKCS1-v1_5, but returns an error
	// when ctx ends first. It verifies the signature with crypto/rsa before it returns
	// it.
	SignBatched(ctx context.Context, digest [sha256.Size]byte) ([]byte, error)
	// Concurrency returns how many concurrent calls of SignBatched make full use of the
	// signer. Any more only wait for each other.
	Concurrency() int
}

// Sign signs body as PayerMax's gateway expects it and returns the value of the
// sign header: standard padded base64 on one line.
//
// The key may be anywhere (in a file, an HSM or a KMS), as long as it is an RSA key. A
// [ContextSigner] or a [BatchSigner] is called with ctx. Sign verifies the signature before it
// returns it: a remote signer that is set to PSS, a rotated key or a flipped bit must cause an
// error here and not a rejected payment. An [rsa.PrivateKey] and a [BatchSigner] verify their
// signatures themselves.
func Sign(ctx context.Context, key crypto.Signer, body []byte) (string, error) {
	if key == nil {
		return "", errors.New("signing: there is no private key")
	}
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return "", fmt.Errorf("signing: PayerMax's signature needs an RSA key, this one is a %T", key.Public())
	}
	digest := sha256.Sum256(body)
	signature, err := signDigest(ctx, key, digest)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	if verifiesItself(key) {
		return base64.StdEncoding.EncodeToString(signature), nil
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
		return "", errors.New("signing: the private key returned a signature that its own public key does not verify; it must sign RSASSA-PKCS1-v1_5 with SHA-256")
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// signDigest signs the digest with the method that suits the type of key.
func signDigest(ctx context.Context, key crypto.Signer, digest [sha256.Size]byte) ([]byte, error) {
	switch key := key.(type) {
	case ContextSigner:
		return key.SignContext(ctx, digest[:], crypto.SHA256)
	case BatchSigner:
		return key.SignBatched(ctx, digest)
	}
	return key.Sign(rand.Reader, digest[:], crypto.SHA256)
}

// verifiesItself reports whether the key verifies its signatures with crypto/rsa before
// it returns them.
func verifiesItself(key crypto.Signer) bool {
	switch key.(type) {
	case *rsa.PrivateKey, BatchSigner:
		return true
	}
	return false
}

// Verify checks that sign, the value of a sign header, is the signature over exactly the
// bytes of body by the private key that belongs to key. The error is nil, or it wraps
// [ErrSignatureMalformed] or [ErrSignatureMismatch], or it says that the key itself
// cannot be used.
//
// The base64 must be strict: standard alphabet, padding, no white space, and no other
// encoding of the same bytes.
func Verify(key *rsa.PublicKey, body []byte, sign string) error {
	if key == nil || key.N == nil {
		return errors.New("verifying: there is no public key")
	}
	signature, err := decodeSignature(sign, key.Size())
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	err = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
	switch {
	case errors.Is(err, rsa.ErrVerification):
		return ErrSignatureMismatch
	case err != nil:
		return errors.New("verifying: the public key is not a usable RSA key")
	}
	return nil
}

// decodeSignature returns the bytes of a signature of the given size. It checks the
// length first, so that an overlong header costs nothing.
func decodeSignature(sign string, size int) ([]byte, error) {
	want := base64.StdEncoding.EncodedLen(size)
	switch {
	case sign == "":
		return nil, fmt.Errorf("%w: it is empty", ErrSignatureMalformed)
	case len(sign) != want:
		return nil, fmt.Errorf("%w: it has %d characters, but a %d-bit key signs with %d", ErrSignatureMalformed, len(sign), size*8, want)
	case strings.ContainsAny(sign, "\r\n"): // encoding/base64 skips them even in strict mode
		return nil, fmt.Errorf("%w: it contains a line break", ErrSignatureMalformed)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(sign)
	if err != nil || len(signature) != size {
		return nil, fmt.Errorf("%w: it is not standard padded base64", ErrSignatureMalformed)
	}
	return signature, nil
}
