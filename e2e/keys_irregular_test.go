//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// irregular are things other than regular files, keyed by what an error calls them. Each function
// creates one at a path.
var irregular = map[string]func(path string) error{
	"it is a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"it is a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
	"it is a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	"it is a socket": func(path string) error {
		socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(socket)
		return syscall.Bind(socket, &syscall.SockaddrUnix{Name: path})
	},
}

// keyOptions are all options that name a key file.
var keyOptions = []string{"private_key", "next_private_key", "merchant_public_key", "gateway_public_key"}

// withKeyAt returns the options of a payermax block with good keys, except that one option has the
// given path.
func withKeyAt(t *testing.T, option, path string) string {
	paths := map[string]string{
		"private_key": testkeys.WritePrivate(t, testkeys.Merchant()), "next_private_key": testkeys.WritePrivate(t, testkeys.Next()),
		"merchant_public_key": testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "gateway_public_key": testkeys.WritePublic(t, &testkeys.Gateway().PublicKey),
	}
	paths[option] = path
	var lines strings.Builder
	for _, name := range keyOptions {
		fmt.Fprintf(&lines, "%s %s\n", name, paths[name])
	}
	return lines.String()
}

// If a key option names something other than a regular file, the config's validation and the doctor
// refuse it, and neither of them blocks on it.
func TestIrregularKeyFilesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for says, at := range irregular {
		for _, option := range keyOptions {
			t.Run(option+", "+says, func(t *testing.T) {
				t.Parallel()
				folder, err := os.MkdirTemp("", "key") // a socket's path must be short
				require.NoError(t, err)
				t.Cleanup(func() { _ = os.RemoveAll(folder) })
				path := filepath.Join(folder, "key")
				require.NoError(t, at(path))
				block := "payermax {\ngateway uat\napp_id A\n" + withKeyAt(t, option, path) + "}"

				out, valid := validateConfig(t, block)
				assert.False(t, valid)
				assert.Contains(t, out, path+": "+says)

				config := filepath.Join(t.TempDir(), "Caddyfile")
				require.NoError(t, os.WriteFile(config, []byte(caddyfile(testnet.FreePort(t), block)), 0o600))
				ran := doctor(t, nil, "--offline", "--config", config)
				assert.NotZero(t, ran.exitCode)
				assert.Contains(t, ran.stdout, path+": "+says)
			})
		}
	}
}

// A rotation to something other than a regular file counts as a failed rotation: it is reported,
// and a good key that replaces it later is taken.
func TestRotationToAnIrregularFile(t *testing.T) {
	t.Parallel()
	gateway := open(t, anyPort, nil)
	root, err := os.MkdirTemp("", "keys")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })

	// Each key belongs to another merchant, so that one wait covers them all.
	paths := make(map[string]string)
	var blocks []string
	for says := range irregular {
		number := strconv.Itoa(len(paths))
		paths[says] = filepath.Join(root, number)
		require.NoError(t, os.WriteFile(paths[says], []byte(testkeys.PrivatePEM(testkeys.Merchant())), 0o600))
		blocks = append(blocks, merchantBlock(number, "app"+number, paths[says], ""))
	}
	s := startSidecar(t, setup{site: merchantsSite(t, gateway, blocks...)})
	ready := func() string { return get(t, "http://"+s.addr+"/readyz") }
	signs := func(path string) bool {
		requireSuccess(t, s.post(t, forMerchant(filepath.Base(path))))
		return signedBy(gateway, testkeys.Next())
	}

	for says, at := range irregular {
		require.NoError(t, os.Remove(paths[says]))
		require.NoError(t, at(paths[says]))
	}
	for says, path := range paths {
		await(t, patience, "the health to tell that "+path+" cannot be used, since "+says, func() bool {
			return strings.Contains(ready(), path+": "+says)
		})
		assert.Contains(t, ready(), `"status":"degraded"`)
		assert.False(t, signs(path))
	}
	for says, path := range paths {
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(testkeys.Next())), 0o600))
		await(t, patience, "the good key that took the place of what was not a file: "+says, func() bool { return signs(path) })
	}
	await(t, patience, "the health to be good again", func() bool { return strings.Contains(ready(), `"status":"ok"`) })
}
