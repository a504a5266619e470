package commands

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A failure halfway leaves no files behind: another file appeared meanwhile, or a
// directory does not exist.
func TestWriteNewLeavesNoHalves(t *testing.T) {
	dir := t.TempDir()
	first, taken := filepath.Join(dir, "first"), filepath.Join(dir, "taken")
	require.NoError(t, os.WriteFile(taken, []byte("precious"), 0o600))

	for _, second := range []string{taken, filepath.Join(dir, "nowhere", "second"), filepath.Join(taken, "second")} {
		err := writeNew(newFile{first, []byte("a"), privateMode}, newFile{second, []byte("b"), publicMode})
		var negative no
		require.ErrorAs(t, err, &negative)
		assert.ErrorContains(t, err, "nothing was written: "+second)
		assert.NotContains(t, err.Error(), ".payermax-", "nobody knows of temporary files")
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
	content, err := os.ReadFile(taken)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(content))
}

// File names that exceed the system's limit are refused.
func TestWriteNewLongName(t *testing.T) {
	long := make([]byte, 300)
	for i := range long {
		long[i] = 'x'
	}
	dir := t.TempDir()
	err := writeNew(newFile{filepath.Join(dir, string(long)), nil, publicMode})
	require.Error(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
