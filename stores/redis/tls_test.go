package redis

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// TLS works if the server's certificate is from the authority and for the host. If the server
// requires a client certificate, the client presents it.
func TestTLS(t *testing.T) {
	authority, now := testkeys.NewAuthority(t), time.Now()
	server := authority.IssueToServer(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	own := authority.IssueToClient(t, "sidecar", now.Add(-time.Hour), now.Add(time.Hour))
	pem := func(label string, der []byte) string {
		return testkeys.WriteFile(t, testkeys.PEM(label, der))
	}
	roots := pem("CERTIFICATE", authority.Certificate.Raw)
	ownCertificate, ownKey := pem("CERTIFICATE", own.Certificate[0]), pem("PRIVATE KEY", testkeys.PKCS8(own.PrivateKey))
	pool := func(path string) json.RawMessage {
		return fmt.Appendf(nil, `{"provider":"file","pem_files":[%q]}`, path)
	}
	start := func(clients string) string {
		return startServer(t, "--port", "0", "--tls-port", "PORT", "--tls-auth-clients", clients, "--tls-ca-cert-file", roots,
			"--tls-cert-file", pem("CERTIFICATE", server.Certificate[0]), "--tls-key-file", pem("PRIVATE KEY", testkeys.PKCS8(server.PrivateKey))).address
	}
	any, known := start("no"), start("yes")
	other := pem("CERTIFICATE", testkeys.NewAuthority(t).Certificate.Raw)
	for name, test := range map[string]struct {
		address string
		tls     *TLS
		problem string
	}{
		"trusted":           {any, &TLS{TrustPoolRaw: pool(roots)}, ""},
		"another authority": {any, &TLS{TrustPoolRaw: pool(other)}, "tls: the server's certificate was issued by an authority that is not trusted here"},
		"the system's":      {any, &TLS{}, "name its authority in trust_pool"},
		"another name":      {any, &TLS{TrustPoolRaw: pool(roots), ServerName: "correct server_name"}, "correct server_name"},
		"plain":             {any, nil, "write tls"},
		"known":             {known, &TLS{TrustPoolRaw: pool(roots), Certificate: ownCertificate, Key: ownKey}, ""},
		"unknown":           {known, &TLS{TrustPoolRaw: pool(roots)}, "tls: the server requires a client certificate; name it in client_certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Settings{Addresses: []string{test.address}, TLS: test.tls})
			_, _, err := s.Claim(t.Context(), stores.NewScope("test").Key(name), lifetime)
			switch {
			case test.problem == "":
				require.NoError(t, err)
			default:
				assert.ErrorContains(t, err, test.problem)
			}
		})
	}
	s := open(t, Settings{Addresses: []string{known}, TLS: &TLS{TrustPoolRaw: pool(roots), Certificate: ownCertificate, Key: ownKey}})
	assert.Equal(t, []string{ownCertificate, ownKey}, s.Files(), "read again, so landlock lets them")
	assert.Contains(t, stores.Directories(), filepath.Dir(ownKey))
}
