package testkeys

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// WriteFile writes a text to a file that only this user can read, in a directory that is
// removed when the test ends, and returns its path.
func WriteFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "the.key")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// WritePrivate writes a private key to a file like WriteFile, and returns its path.
func WritePrivate(t testing.TB, private any) string {
	t.Helper()
	return WriteFile(t, PrivatePEM(private))
}

// WritePublic writes a public key to a file like WriteFile, and returns its path.
func WritePublic(t testing.TB, public any) string {
	t.Helper()
	return WriteFile(t, PublicPEM(public))
}
