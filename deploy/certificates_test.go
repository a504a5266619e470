package deploy

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readmeBlock returns the one block of kubernetes/README.md that contains the given words.
func readmeBlock(t *testing.T, words string) string {
	t.Helper()
	readme, err := os.ReadFile("kubernetes/README.md")
	require.NoError(t, err)
	var found []string
	for _, block := range regexp.MustCompile("(?s)```(?:sh|yaml)\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		if strings.Contains(block[1], words) {
			found = append(found, block[1])
		}
	}
	require.Len(t, found, 1, "blocks of the README with %q", words)
	return found[0]
}

// shell runs commands in a directory.
func shell(t *testing.T, folder, commands string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", commands)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", commands, out)
	return string(out)
}

// makeCertificates runs the README's own commands to make the certificates of the shared gateway
// and of a caller, and puts the gateway's where its container mounts them. It returns the directory
// that holds all of them.
func makeCertificates(t *testing.T, p *pod) string {
	t.Helper()
	tool(t, "openssl")
	folder := t.TempDir()
	shell(t, folder, readmeBlock(t, "openssl"))
	for from, to := range map[string]string{
		"gateway.crt": "/run/secrets/gateway-tls/tls.crt", "gateway.key": "/run/secrets/gateway-tls/tls.key",
		"callers-ca.crt": "/run/secrets/callers-ca/ca.crt",
	} {
		content, err := os.ReadFile(filepath.Join(folder, from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.root+to, content, 0o600))
	}
	return folder
}

// caller returns a client of the shared gateway that presents these certificates, if there are any.
func caller(t *testing.T, folder string, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	authority, err := os.ReadFile(filepath.Join(folder, "gateway.crt"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	return client(&http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		RootCAs: roots, ServerName: "payermax-gateway", Certificates: certificates,
	}})
}
