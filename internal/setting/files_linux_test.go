package setting

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A named pipe in place of a file is refused at once, whatever surrounds its placeholder. A
// regular file is read.
func TestReplaceWaitsForNoPipe(t *testing.T) {
	folder := t.TempDir()
	pipe, file, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "file"), filepath.Join(folder, "link")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	require.NoError(t, os.Symlink(pipe, link))
	for _, text := range []string{"{file." + pipe + "}", "a {file." + file + "} {file." + link + "}"} {
		_, err := Replace(caddy.NewReplacer(), text, true, true)
		assert.ErrorContains(t, err, "is not a regular file")
		assert.Error(t, Option{Name: "key_version", Value: text, MaxLength: 64, Target: new(string)}.Expand(caddy.NewReplacer(), false))
	}
	value, err := Replace(caddy.NewReplacer(), "a {file."+file+"}", true, true)
	require.NoError(t, err)
	assert.Equal(t, "a text", value)
	_, err = Replace(caddy.NewReplacer(), "{file."+folder+"/missing}", true, true)
	assert.Error(t, err)
}
