package e2e

import (
	"crypto/rsa"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// If the key file disappears while the sidecar runs, in whatever way, the sidecar keeps signing
// with the key. Health and log report the loss, and another key that replaces it is taken.
func TestKeysGone(t *testing.T) {
	t.Parallel()
	gateway := open(t, anyPort, nil)

	type row struct {
		name string
		goes func(folder, path string) error
	}
	away := func(folder string) string { return folder + "-away" }
	rows := []row{
		{name: "folder removed", goes: func(folder, _ string) error { return os.RemoveAll(folder) }},
		{name: "folder renamed", goes: func(folder, _ string) error { return os.Rename(folder, away(folder)) }},
		{name: "folder becomes a file", goes: func(folder, _ string) error {
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
			return os.WriteFile(folder, nil, 0o600)
		}},
		{name: "file removed", goes: func(_, path string) error { return os.Remove(path) }},
		{name: "file emptied", goes: func(_, path string) error { return os.Truncate(path, 0) }},
		{name: "file becomes a dangling link", goes: func(_, path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("nowhere", path)
		}},
		{name: "file becomes a folder", goes: func(_, path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}},
	}
	if os.Geteuid() == 0 {
		t.Log("NOT CHECKED: a file that may not be read, since root may read every file")
	} else {
		rows = append(rows, row{name: "file may not be read", goes: func(_, path string) error { return os.Chmod(path, 0) }})
	}

	// Each key belongs to another merchant, so that one wait covers them all.
	root := t.TempDir()
	folder := func(i int) string { return filepath.Join(root, strconv.Itoa(i)) }
	path := func(i int) string { return filepath.Join(folder(i), "private.key") }
	mount := func(i int, key *rsa.PrivateKey) {
		require.NoError(t, os.Mkdir(folder(i), 0o700))
		require.NoError(t, os.WriteFile(path(i), []byte(testkeys.PrivatePEM(key)), 0o600))
	}
	var blocks []string
	for i := range rows {
		mount(i, testkeys.Merchant())
		blocks = append(blocks, merchantBlock(strconv.Itoa(i), fmt.Sprintf("app%d", i), path(i), ""))
	}
	s := startSidecar(t, setup{site: merchantsSite(t, gateway, blocks...)})
	signs := func(i int, key *rsa.PrivateKey) bool {
		res := s.post(t, forMerchant(strconv.Itoa(i)))
		requireSuccess(t, res)
		s.requireLogged(t, res, "answered")
		return signedBy(gateway, key)
	}
	degraded := func(i int) bool { return strings.Contains(get(t, "http://"+s.addr+"/readyz"), path(i)) }

	for i, row := range rows {
		require.NoError(t, row.goes(folder(i), path(i)), row.name)
	}
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s.AwaitLine(t, "the new keys cannot be used", path(i))
			assert.True(t, degraded(i))
			assert.True(t, signs(i, testkeys.Merchant()))
		})
	}
	for i := range rows {
		require.NoError(t, os.RemoveAll(folder(i)))
		mount(i, testkeys.Next())
	}
	for i, row := range rows {
		t.Run(row.name+", and comes back", func(t *testing.T) {
			await(t, patience, "the new key", func() bool { return signs(i, testkeys.Next()) })
			await(t, patience, "the health to be good again", func() bool { return !degraded(i) })
		})
	}
	assert.Contains(t, get(t, "http://"+s.addr+"/readyz"), `"status":"ok"`)
}
