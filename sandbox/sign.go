package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// signHeader carries the signature of a body in both directions.
const signHeader = "Sign"

// sign returns the value of the sign header for body: SHA256WithRSA, in PKCS#1 v1.5 padding, over exactly these bytes,
// in standard base64 with padding ("Signature rules" page; the padding is proved by the page's sample signature).
func sign(key *rsa.PrivateKey, body []byte) (string, error) {
	digest := sha256.Sum256(body)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// verify reports whether the sign headers are one header with a valid signature of body. Two headers are refused even
// if both are valid, because it is not documented which of them counts. Line breaks, which the decoder would skip, and
// non-canonical base64 are refused too: a signature has one spelling.
func verify(key *rsa.PublicKey, body []byte, signs []string) bool {
	if len(signs) != 1 || strings.ContainsAny(signs[0], "\r\n") {
		return false
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(signs[0])
	if err != nil {
		return false
	}
	digest := sha256.Sum256(body)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
}
