package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// caddyBinary names the environment variable with the path of a binary to test instead of one built
// here.
const caddyBinary = "CADDY_BINARY"

// built is the directory of the binary that is built here.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "caddy-payermax"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// shipped returns the binary under test.
var shipped = sync.OnceValues(func() (*binary, error) {
	path := os.Getenv(caddyBinary)
	if path == "" {
		path = filepath.Join(built, "caddy")
		command := exec.Command("go", "build", "-trimpath", "-tags=nobadger,nomysql,nopgx", "-o", path, "./caddy")
		command.Dir = repository
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building ../../caddy: %w\n%s", err, said)
		}
	}
	return readBinary(path)
})

// moduleFolder returns the directory of a module in Go's cache.
func moduleFolder(t *testing.T, path string) string {
	t.Helper()
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(folder))
}

// writeFiles writes files, keyed by their paths, into a new directory, and returns the directory.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for path, text := range files {
		path = filepath.Join(folder, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return folder
}
