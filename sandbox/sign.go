package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
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

// whyNotVerified says in words what is wrong with a request's signature, or "" when nothing is. SIGN_VERIFY_FAILED
// leaves a merchant to guess; PayerMax's support asks the same questions in this order.
func whyNotVerified(merchant Merchant, env envelope, body []byte, signs []string) string {
	if env.keyVersion != merchant.keyVersion() {
		return fmt.Sprintf("keyVersion is %q, the registered key has %q", env.keyVersion, merchant.keyVersion())
	}
	switch len(signs) {
	case 0:
		return "there is no sign header"
	case 1:
	default:
		return fmt.Sprintf("there are %d sign headers", len(signs))
	}
	if _, err := decodeSign(signs[0]); err != nil {
		return "the sign header is not one line of standard base64 with padding"
	}
	if !verify(merchant.PublicKey, body, signs) {
		return "the signature is not that of these bytes by the registered key"
	}
	return ""
}

// verify reports whether the sign headers are one header with a valid signature of body. Two headers are refused even
// if both are valid, because it is not documented which of them counts.
func verify(key *rsa.PublicKey, body []byte, signs []string) bool {
	if len(signs) != 1 {
		return false
	}
	signature, err := decodeSign(signs[0])
	if err != nil {
		return false
	}
	digest := sha256.Sum256(body)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
}

// decodeSign reads a sign header. Line breaks, which the decoder would skip, and non-canonical base64 are refused: a
// signature has one spelling.
func decodeSign(text string) ([]byte, error) {
	if at := strings.IndexAny(text, "\r\n"); at >= 0 {
		return nil, base64.CorruptInputError(at)
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}
