package testkeys

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Secret is a volume like the one that the kubelet mounts for a Secret: the files are
// links into ..data, which is a link to a directory that is swapped as a whole.
type Secret struct {
	t          testing.TB
	dir        string
	generation int
}

// MountSecret creates a volume with the given files, by name.
func MountSecret(t testing.TB, files map[string]string) *Secret {
	t.Helper()
	s := &Secret{t: t, dir: t.TempDir()}
	s.Swap(files)
	for name := range files {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), s.Path(name)))
	}
	return s
}

// Path returns the path of the named file.
func (s *Secret) Path(name string) string { return filepath.Join(s.dir, name) }

// Swap replaces the contents of the same files, like the kubelet's atomic writer.
func (s *Secret) Swap(files map[string]string) {
	s.t.Helper()
	before, _ := os.Readlink(s.Path("..data"))
	s.generation++
	dir := fmt.Sprintf("..2026_11_22_%d", s.generation)
	require.NoError(s.t, os.Mkdir(s.Path(dir), 0o755))
	for name, content := range files {
		require.NoError(s.t, os.WriteFile(filepath.Join(s.Path(dir), name), []byte(content), 0o600))
	}
	require.NoError(s.t, os.Symlink(dir, s.Path("..data_tmp")))
	require.NoError(s.t, os.Rename(s.Path("..data_tmp"), s.Path("..data")))
	if before != "" {
		require.NoError(s.t, os.RemoveAll(s.Path(before)))
	}
}
