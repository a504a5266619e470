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

// sign returns the value of the sign header for body: SHA256WithRSA with PKCS#1 v1.5 padding, over exactly these bytes,
// in standard base64 with padding ("Signature rules" page; its sample signature confirms the padding).
func sign(key *rsa.PrivateKey, body []byte) (string, error) {
	digest := sha256.Sum256(body)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// whyNotVerified explains what is wrong with a request's signature, or returns "" if it is valid. SIGN_VERIFY_FAILED
// alone leaves a merchant guessing; the order of the checks is that of the questions of PayerMax's support.
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

// verify reports whether there is exactly one sign header, with a valid signature of body. Two headers are refused even
// if both are valid, because PayerMax does not document which of them counts.
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

// decodeSign decodes a sign header. It refuses line breaks, which the decoder would skip, and non-canonical base64, so
// that a signature has exactly one spelling.
func decodeSign(text string) ([]byte, error) {
	if at := strings.IndexAny(text, "\r\n"); at >= 0 {
		return nil, base64.CorruptInputError(at)
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}
