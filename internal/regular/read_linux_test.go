package regular

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("a", 1024)), 0o600))
	link := path + "-link"
	require.NoError(t, os.Symlink(path, link))
	content, err := Read(link, 1024)
	require.NoError(t, err)
	assert.Len(t, content, 1024)

	_, err = Read(path, 1023)
	assert.ErrorContains(t, err, path+": is larger than 0 KiB")
	_, err = Read(path+"-missing", 1024)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Anything that is not a regular file is refused without blocking.
func TestReadRefusesAtOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero", t.TempDir()} {
		_, err := Read(path, 1024)
		assert.ErrorContains(t, err, path+": is not a regular file")
	}
}

// A pipe that replaces a file between the check and the opening is opened without
// blocking.
func TestPipesAreOpenedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	opened := make(chan error, 1)
	go func() {
		file, err := openAtOnce(path)
		if err == nil {
			file.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "it waits for somebody who writes to the pipe")
	}
}
