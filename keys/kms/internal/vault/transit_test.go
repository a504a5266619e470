package vault_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

const token = "hvs.CANARY-TOKEN"

var digest = sha256.Sum256([]byte(`{"version":"1.5"}`))

// newTransit returns the transit key of a stand-in server that needs no network, and its
// token.
func newTransit(t *testing.T, server *vaulttest.Server) (vault.Transit, vault.Secret) {
	t.Helper()
	address, err := vault.ParseAddress("https://vault.example.com:8200")
	require.NoError(t, err)
	client := vault.NewClient(vault.Options{
		Address:   address,
		Namespace: server.Namespace,
		Timeout:   2 * time.Second,
		Transport: server,
	})
	return vault.Transit{Client: client, Mount: server.Mount, Key: server.KeyName}, secret(t, token)
}

func secret(t *testing.T, text string) vault.Secret {
	t.Helper()
	s, err := vault.ReadSecret(writeFile(t, text))
	require.NoError(t, err)
	return s
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestReadAndSign(t *testing.T) {
	for name, prepare := range map[string]func(s *vaulttest.Server){
		"defaults":  func(*vaulttest.Server) {},
		"mount":     func(s *vaulttest.Server) { s.Mount = "teams/payments/transit" },
		"namespace": func(s *vaulttest.Server) { s.Namespace = "admin/team-a" },
		"rotated":   func(s *vaulttest.Server) { s.Versions = append(s.Versions, testkeys.New(2048)) },
	} {
		t.Run(name, func(t *testing.T) {
			server := vaulttest.New(token)
			prepare(server)
			key, token := newTransit(t, server)

			version, err := key.Read(t.Context(), token, 0)
			require.NoError(t, err)
			signature, err := key.Sign(t.Context(), token, version.Number, digest[:])
			require.NoError(t, err)

			assert.Equal(t, len(server.Versions), version.Number)
			assert.True(t, version.Public.Equal(&server.Versions[version.Number-1].PublicKey))
			assert.NoError(t, rsa.VerifyPKCS1v15(version.Public, crypto.SHA256, digest[:], signature))
		})
	}
}

func TestSignKeepsToItsVersion(t *testing.T) {
	server := vaulttest.New(token)
	key, token := newTransit(t, server)
	old, err := key.Read(t.Context(), token, 0)
	require.NoError(t, err)
	server.Versions = append(server.Versions, testkeys.New(2048))

	signature, err := key.Sign(t.Context(), token, old.Number, digest[:])

	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(old.Public, crypto.SHA256, digest[:], signature))
}

func TestReadVersion(t *testing.T) {
	server := vaulttest.New(token)
	server.Versions = []*rsa.PrivateKey{nil, testkeys.New(2048), testkeys.New(2048), testkeys.New(2048)}
	server.MinEncryptionVersion = 3
	key, token := newTransit(t, server)

	version, err := key.Read(t.Context(), token, 3)
	require.NoError(t, err)
	assert.True(t, version.Public.Equal(&server.Versions[2].PublicKey))

	_, err = key.Read(t.Context(), token, 2)
	assert.ErrorContains(t, err, "version 2 may not sign, since min_encryption_version is 3")
	_, err = key.Read(t.Context(), token, 5)
	assert.ErrorContains(t, err, "there is no version 5, the latest is 4")

	server.MinEncryptionVersion = 0
	_, err = key.Read(t.Context(), token, 1)
	assert.ErrorContains(t, err, "the server does not have version 1 any more")
}

func TestReadRefusesKeysThatCannotSign(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	for name, test := range map[string]struct {
		keyType, key string
		err          string
	}{
		"symmetric":       {"aes256-gcm96", `1442851412`, `its type is "aes256-gcm96", but PayerMax's signature needs an RSA key`},
		"elliptic":        {"ecdsa-p256", publicKey(t, &ec.PublicKey), `its type is "ecdsa-p256"`},
		"managed":         {"managed_key", `{}`, `its type is "managed_key"`},
		"no type":         {"", `{}`, `its type is ""`},
		"number":          {"rsa-2048", `1442851412`, "shows no public key for version 1"},
		"nothing":         {"rsa-2048", `{}`, "is not PEM"},
		"not PEM":         {"rsa-2048", `{"public_key":"CANARY"}`, "is not PEM"},
		"not DER":         {"rsa-2048", `{"public_key":"-----BEGIN PUBLIC KEY-----\nQ0FO\n-----END PUBLIC KEY-----\n"}`, "cannot be read"},
		"lying about RSA": {"rsa-2048", publicKey(t, &ec.PublicKey), "is a *ecdsa.PublicKey"},
		"too small":       {"rsa-2048", publicKey(t, &testkeys.Small().PublicKey), "the key has 1024 bits"},
	} {
		t.Run(name, func(t *testing.T) {
			server := vaulttest.New(token)
			server.Fault = vaulttest.Answer("/keys/payermax", http.StatusOK,
				fmt.Sprintf(`{"data":{"type":%q,"latest_version":1,"keys":{"1":%s}}}`, test.keyType, test.key))
			key, token := newTransit(t, server)

			_, err := key.Read(t.Context(), token, 0)

			require.ErrorContains(t, err, test.err)
			assert.ErrorContains(t, err, `the transit key "payermax"`)
			assert.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func publicKey(t *testing.T, key any) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"public_key": testkeys.PublicPEM(key)})
	require.NoError(t, err)
	return string(text)
}

func TestSignRefusesAnswersThatAreNoSignature(t *testing.T) {
	some := base64.StdEncoding.EncodeToString(make([]byte, 256))
	for name, test := range map[string]struct{ signature, err string }{
		"empty":         {"", "not a signature by version 1"},
		"other version": {"vault:v2:" + some, "not a signature by version 1"},
		"longer number": {"vault:v11:" + some, "not a signature by version 1"},
		"other prefix":  {"CANARY:v1:" + some, "not a signature by version 1"},
		"no base64":     {"vault:v1:CANARY!", "is not base64"},
		"nothing":       {"vault:v1:", "is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			server := vaulttest.New(token)
			server.Fault = vaulttest.Answer("/sha2-256", http.StatusOK, fmt.Sprintf(`{"data":{"signature":%q}}`, test.signature))
			key, token := newTransit(t, server)

			_, err := key.Sign(t.Context(), token, 1, digest[:])

			require.ErrorContains(t, err, test.err)
			assert.NotContains(t, err.Error(), "CANARY")
		})
	}
}

// A server may quote what it was sent. Whatever it answers, the error says what to do in
// our own words.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		status          int
		message         string
		err             string
		denied, refused bool
	}{
		"sealed":            {503, "Vault is sealed", "the server is sealed; unseal it", false, false},
		"OpenBao sealed":    {503, "OpenBao is sealed", "the server is sealed; unseal it", false, false},
		"maintenance":       {503, "", "in maintenance or has no active node", false, false},
		"standby":           {500, "local node not active but active cluster node not found", "finds no active node", false, false},
		"internal":          {500, "internal error", "the server has failed; its log says why", false, false},
		"bad gateway":       {502, "", "the server has failed", false, false},
		"rate":              {429, "rate limit quota exceeded", "limits the rate of requests; raise the quota", false, false},
		"denied":            {403, "permission denied", `"update" on transit/sign/payermax/sha2-256`, true, true},
		"unauthorized":      {401, "", "permission denied", true, true},
		"bad request":       {400, "something", "its audit log says why", false, true},
		"no key":            {400, "signing key not found", `there is no transit key "payermax" under the mount "transit"`, false, true},
		"version too old":   {400, "requested version for signing is less than the minimum encryption key version", "this version of the key may not sign", false, true},
		"no mount":          {404, "no handler for route", `there is no transit key "payermax" under the mount "transit"`, false, true},
		"not a transit key": {405, "unsupported operation", "check the key's name, the mount and the namespace", false, true},
		"redirect":          {307, "", "to which the token must not be sent", false, false},
		"accepted":          {202, "", "a status that this operation does not have", false, false},
		"no content":        {204, "", "a status that this operation does not have", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := vaulttest.New(token)
			body, err := json.Marshal(map[string][]string{"errors": {test.message, token, "CANARY"}})
			require.NoError(t, err)
			server.Fault = vaulttest.Answer("", test.status, string(body))
			key, token := newTransit(t, server)

			_, err = key.Sign(t.Context(), token, 1, digest[:])

			require.ErrorContains(t, err, test.err)
			assert.ErrorContains(t, err, `signing with the transit key "payermax"`)
			assert.ErrorContains(t, err, fmt.Sprintf("(HTTP status %d)", test.status))
			assert.Equal(t, test.denied, vault.IsDenied(err))
			assert.Equal(t, test.refused, vault.IsRefused(err))
			assert.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestUnexpectedAnswers(t *testing.T) {
	for name, test := range map[string]struct{ body, err string }{
		"empty":      {"", "is not the JSON that the API describes"},
		"HTML":       {"<html>CANARY</html>", "is not the JSON that the API describes"},
		"wrong type": {`{"data":{"signature":1234567}}`, "is not the JSON that the API describes"},
		"too large":  {`{"data":"` + strings.Repeat("CANARY", 200_000) + `"}`, "is larger than 1024 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			server := vaulttest.New(token)
			server.Fault = vaulttest.Answer("", http.StatusOK, test.body)
			key, token := newTransit(t, server)

			_, err := key.Sign(t.Context(), token, 1, digest[:])

			require.ErrorContains(t, err, test.err)
			assert.NotContains(t, err.Error(), "CANARY")
			assert.NotContains(t, err.Error(), "1234567")
		})
	}
}
