package commands_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestKeygen(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{2048, 3072, 4096} {
		t.Run(strconv.Itoa(bits), func(t *testing.T) {
			t.Parallel()
			r := run{dir: t.TempDir()}
			got := r.caddy(t, "payermax-keygen", "--bits", strconv.Itoa(bits))
			require.Zero(t, got.code, got.stderr)
			assert.Equal(t, []string{"merchant.key", "merchant.pub"}, r.names(t))
			requireMode(t, r, "merchant.key", 0o600)
			requireMode(t, r, "merchant.pub", 0o644)

			key, err := signer.ReadPrivateKeyFile(filepath.Join(r.dir, "merchant.key"))
			require.NoError(t, err)
			assert.Equal(t, bits, key.N.BitLen())
			assert.Equal(t, 65537, key.E)
			assert.True(t, strings.HasPrefix(r.read(t, "merchant.key"), "-----BEGIN PRIVATE KEY-----\n"))

			// OpenSSL reads the pair and derives the same public key.
			public := openssl(t, r.read(t, "merchant.key"), "pkey", "-pubout")
			assert.Equal(t, public, r.read(t, "merchant.pub"))
			der := openssl(t, public, "pkey", "-pubin", "-outform", "DER")
			assert.Equal(t, base64.StdEncoding.EncodeToString([]byte(der))+"\n", got.stdout, "the one line for the dashboard")
			assert.Contains(t, openssl(t, r.read(t, "merchant.key"), "pkey", "-check", "-noout"), "valid")
			assert.Contains(t, got.stderr, signer.Fingerprint(&key.PublicKey))
		})
	}
}

func requireMode(t *testing.T, r run, name string, want os.FileMode) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // Windows has a different permission model
	}
	info, err := os.Stat(filepath.Join(r.dir, name))
	require.NoError(t, err)
	assert.Equal(t, want, info.Mode(), name)
}

func TestKeygenOut(t *testing.T) {
	t.Parallel()
	r := run{dir: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "keys"), 0o700))
	for out, want := range map[string]string{
		"keys": "keys/merchant", "keys/uat": "keys/uat", "here": "here", filepath.Join(r.dir, "absolute"): "absolute",
	} {
		got := r.caddy(t, "payermax-keygen", "--out", out, "--json")
		require.Zero(t, got.code, got.stderr)
		assert.Empty(t, got.stderr)
		key, err := signer.ReadPublicKeyFile(filepath.Join(r.dir, want+".pub"))
		require.NoError(t, err)
		private := out + ".key"
		if out == "keys" {
			private = "keys/merchant.key"
		}
		assert.Equal(t, map[string]any{
			"privateKeyFile": private, "publicKeyFile": strings.TrimSuffix(private, ".key") + ".pub",
			"publicKeyBase64": testkeys.OneLine(testkeys.SPKI(key)), "fingerprint": signer.Fingerprint(key), "bits": float64(2048),
		}, got.fields(t))
	}
}

// Existing files are never touched, and no half of a pair is written, whichever file
// exists, even if it is a dangling link.
func TestKeygenNeverOverwrites(t *testing.T) {
	t.Parallel()
	for _, there := range []string{"merchant.key", "merchant.pub", "merchant-secret.yaml"} {
		for _, kind := range []string{"file", "link", "directory"} {
			r := run{dir: t.TempDir()}
			path := filepath.Join(r.dir, there)
			switch kind {
			case "file":
				r.write(t, there, "precious")
			case "link":
				require.NoError(t, os.Symlink("nowhere", path))
			case "directory":
				require.NoError(t, os.Mkdir(path, 0o700))
			}
			args := []string{"payermax-keygen"}
			if there == "merchant-secret.yaml" {
				args = append(args, "--kubernetes-secret", "payermax-keys")
			}
			got := r.caddy(t, args...)
			assert.Equal(t, 1, got.code, there)
			assert.Contains(t, got.stderr, there+" already exists and is not overwritten")
			assert.Empty(t, got.stdout)
			assert.Equal(t, []string{there}, r.names(t), "and nothing else")
			if kind == "file" {
				assert.Equal(t, "precious", r.read(t, there))
			}
		}
	}
}

// Of many concurrent runs, exactly one succeeds, and its files are a pair.
func TestKeygenConcurrently(t *testing.T) {
	t.Parallel()
	r := run{dir: t.TempDir()}
	codes := make([]int, 4)
	var wait sync.WaitGroup
	for i := range codes {
		wait.Go(func() { codes[i] = r.caddy(t, "payermax-keygen").code })
	}
	wait.Wait()
	assert.ElementsMatch(t, []int{0, 1, 1, 1}, codes)
	assert.Equal(t, []string{"merchant.key", "merchant.pub"}, r.names(t))
	assert.Equal(t, openssl(t, r.read(t, "merchant.key"), "pkey", "-pubout"), r.read(t, "merchant.pub"))
}

func TestKeygenSecret(t *testing.T) {
	t.Parallel()
	r := run{dir: t.TempDir()}
	got := r.caddy(t, "payermax-keygen", "--kubernetes-secret", "payermax-keys", "--namespace", "payments")
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, []string{"merchant-secret.yaml", "merchant.pub"}, r.names(t), "only one copy of the private key")
	requireMode(t, r, "merchant-secret.yaml", 0o600)
	requireSecret(t, r, r.read(t, "merchant-secret.yaml"), "metadata:\n  name: \"payermax-keys\"\n  namespace: \"payments\"\n")
	assert.Contains(t, got.stderr, "merchant-secret.yaml: for kubectl")

	r = run{dir: t.TempDir()}
	got = r.caddy(t, "payermax-keygen", "--kubernetes-secret", "1.2", "--manifest", "-")
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, []string{"merchant.pub"}, r.names(t))
	requireSecret(t, r, got.stdout, "metadata:\n  name: \"1.2\"\ntype: Opaque\n")
	der := openssl(t, r.read(t, "merchant.pub"), "pkey", "-pubin", "-outform", "DER")
	assert.Contains(t, got.stderr, base64.StdEncoding.EncodeToString([]byte(der)))

	got = run{dir: r.dir}.caddy(t, "payermax-keygen", "--out", "other", "--kubernetes-secret", "a", "--manifest", "b.yaml", "--json")
	require.Zero(t, got.code, got.stderr)
	assert.Equal(t, "b.yaml", got.fields(t)["secretFile"])
	assert.NotContains(t, got.fields(t), "privateKeyFile")
}

// requireSecret checks that the key in a manifest matches the public key next to it.
func requireSecret(t *testing.T, r run, manifest, contains string) {
	t.Helper()
	assert.Contains(t, manifest, "apiVersion: v1\nkind: Secret\n")
	assert.Contains(t, manifest, contains)
	data := regexp.MustCompile(`(?m)^type: Opaque\ndata:\n  private\.key: (\S+)\n$`).FindStringSubmatch(manifest)
	require.NotNil(t, data)
	text, err := base64.StdEncoding.DecodeString(data[1])
	require.NoError(t, err)
	assert.Equal(t, openssl(t, string(text), "pkey", "-pubout"), r.read(t, "merchant.pub"))
}

// If the manifest cannot be printed, no public key is left without its private key.
func TestKeygenSecretToClosedPipe(t *testing.T) {
	t.Parallel()
	r := run{dir: t.TempDir()}
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	cmd := r.command(t, "payermax-keygen", "--kubernetes-secret", "a", "--manifest", "-")
	cmd.Stdout = writer
	require.Error(t, cmd.Run())
	writer.Close()
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Empty(t, r.names(t))
}
