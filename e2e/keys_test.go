package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The keys are made when the tests run: no private key, however worthless,
// belongs into a repository.
var (
	merchantKey = sync.OnceValue(func() *rsa.PrivateKey { return generateKey(2048) })
	gatewayKey  = sync.OnceValue(func() *rsa.PrivateKey { return generateKey(2048) })
	strangerKey = sync.OnceValue(func() *rsa.PrivateKey { return generateKey(2048) })
)

func generateKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func pkcs8DER(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return der
}

func pkcs1DER(key *rsa.PrivateKey) []byte { return x509.MarshalPKCS1PrivateKey(key) }

func publicDER(key *rsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return der
}

func pemOf(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func pkcs8PEM(key *rsa.PrivateKey) string { return pemOf("PRIVATE KEY", pkcs8DER(key)) }

func oneLine(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

// keyFile writes a key to a file that only this user can read.
func keyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "the.key")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// replaceFile puts another file into the place of one, as a whole.
func replaceFile(t *testing.T, path, text string) {
	t.Helper()
	next := path + ".next"
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, path))
}

// publicKeyFile writes the public half of a key to a file.
func publicKeyFile(t *testing.T, key *rsa.PrivateKey) string {
	return keyFile(t, pemOf("PUBLIC KEY", publicDER(&key.PublicKey)))
}

// sign is SHA256withRSA in base64, as the gateway signs its answers.
func sign(key *rsa.PrivateKey, body []byte) string {
	digest := sha256.Sum256(body)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

// verify checks a signature as the gateway does, and strictly: standard base64
// with its padding.
func verify(key *rsa.PublicKey, body []byte, signature string) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw)
}
