//go:build cgo

package openssl

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestCaddyfile(t *testing.T) {
	for input, want := range map[string]string{
		"openssl private.key":                             `{"path":"private.key","source":"openssl"}`,
		"openssl {env.KEY} {\n\trefuse_world_readable\n}": `{"path":"{env.KEY}","refuse_world_readable":true,"source":"openssl"}`,
		"openssl":                                             "",
		"openssl private.key another.key":                     "",
		"openssl private.key {\n\tengine batch\n}":            "",
		"openssl -----BEGIN\\ RSA\\ PRIVATE\\ KEY-----CANARY": "",
	} {
		t.Run(input, func(t *testing.T) {
			raw, err := adapt(input)
			if want == "" {
				require.Error(t, err)
				assert.NotContains(t, err.Error(), "CANARY")
				return
			}
			require.NoError(t, err)
			assert.JSONEq(t, want, string(raw))
		})
	}
}

// key openssl accepts and refuses the same files as key file, with the same errors.
func TestFilesAreThoseOfKeyFile(t *testing.T) {
	merchant := testkeys.Merchant()
	readable := testkeys.WriteFile(t, testkeys.PrivatePEM(merchant))
	require.NoError(t, os.Chmod(readable, 0o644))
	for name, path := range map[string]string{
		"PKCS#8":                testkeys.WriteFile(t, testkeys.PrivatePEM(merchant)),
		"PKCS#8 on one line":    testkeys.WriteFile(t, testkeys.OneLine(testkeys.PKCS8(merchant))),
		"larger":                testkeys.WriteFile(t, testkeys.PrivatePEM(testkeys.Large())),
		"too small":             testkeys.WriteFile(t, testkeys.PrivatePEM(testkeys.Small())),
		"a public key":          testkeys.WritePublic(t, &merchant.PublicKey),
		"empty":                 testkeys.WriteFile(t, ""),
		"no key":                testkeys.WriteFile(t, "CANARY"),
		"missing":               filepath.Join(t.TempDir(), "missing"),
		"a directory":           t.TempDir(),
		"every user may read":   readable,
		"refused by its rights": readable + " {\n\trefuse_world_readable\n}",
	} {
		t.Run(name, func(t *testing.T) {
			wantKey, wantFingerprint, wantErr := mustLoad(t, "file "+path).Key()
			got, fingerprint, err := mustLoad(t, "openssl "+path).Key()
			assert.Equal(t, wantErr, err)
			assert.Equal(t, wantFingerprint, fingerprint)
			if wantErr == nil {
				assert.True(t, wantKey.(*rsa.PrivateKey).PublicKey.Equal(got.Public()))
				assert.IsType(t, new(key), got)
			}
		})
	}
	_, want := adapt(`file ""`)
	_, err := adapt(`openssl ""`)
	assert.ErrorContains(t, want, "the path of the key's file is empty")
	assert.Equal(t, want, err)
}

// The ring follows the file as with key file, under load: no signature fails, and each is
// made by the key of its generation.
func TestRotationUnderLoad(t *testing.T) {
	private := testkeys.Merchant()
	mounted := testkeys.MountSecret(t, map[string]string{"private.key": testkeys.PrivatePEM(private)})
	ring, err := keys.Open(keys.Config{
		Source:     mustLoad(t, "openssl "+mounted.Path("private.key")),
		KeyVersion: func() (string, error) { return "1", nil },
		Logger:     zap.NewNop(),
	})
	require.NoError(t, err)
	assert.Equal(t, "openssl", ring.Current().Signing.Source)
	ring.Use()
	defer ring.Release()
	assert.Contains(t, keys.Directories(), filepath.Dir(mounted.Path("private.key")))
	go ring.Watch(t.Context())

	var stop atomic.Bool
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for !stop.Load() {
				signing := ring.Current().Signing
				sign, err := signer.Sign(context.Background(), signing.Private, []byte("body"))
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, signing.Fingerprint, signer.Fingerprint(signing.Private.Public().(*rsa.PublicKey)))
				assert.NoError(t, signer.Verify(signing.Private.Public().(*rsa.PublicKey), []byte("body"), sign))
			}
		})
	}
	defer workers.Wait()
	defer stop.Store(true)
	for range 5 {
		private = testkeys.New(2048)
		mounted.Swap(map[string]string{"private.key": testkeys.PrivatePEM(private)})
		want := signer.Fingerprint(&private.PublicKey)
		require.Eventually(t, func() bool { return ring.Current().Signing.Fingerprint == want }, 30*time.Second, 5*time.Millisecond)
	}
	mounted.Swap(map[string]string{"private.key": "CANARY"})
	require.Eventually(t, func() bool { return ring.Refused() != "" }, 30*time.Second, 5*time.Millisecond)
	assert.Contains(t, ring.Refused(), "key openssl: private key file ")
	assert.NotContains(t, ring.Refused(), "CANARY")
	assert.Equal(t, signer.Fingerprint(&private.PublicKey), ring.Current().Signing.Fingerprint, "the last good one")
}

// asOpenSSL is the environment variable with which the test binary, run as a subprocess,
// tries the key that the variable names.
const asOpenSSL = "PAYERMAX_TEST_OPENSSL_KEY"

// OpenSSL's own configuration determines what it may use. Without a provider that
// supports RSA, nothing is signed, and the error says where to look.
func TestProvidersAreOpenSSLsOwn(t *testing.T) {
	if path := os.Getenv(asOpenSSL); path != "" {
		_, _, err := mustLoad(t, "openssl "+path).Key()
		require.NoError(t, err)
		return
	}
	configuredBy := func(path string) (said string, err error) {
		command := exec.Command(os.Args[0], "-test.run=^TestProvidersAreOpenSSLsOwn$", "-test.v")
		command.Env = append(os.Environ(),
			asOpenSSL+"="+testkeys.WriteFile(t, testkeys.PrivatePEM(testkeys.Merchant())),
			"OPENSSL_CONF="+path)
		text, err := command.CombinedOutput()
		return string(text), err
	}
	configured := func(config string) (said string, err error) { return configuredBy(testkeys.WriteFile(t, config)) }
	said, err := configured(providers("default"))
	require.NoError(t, err, said)

	said, err = configured(providers("base"))
	require.Error(t, err)
	assert.Contains(t, said, "handing the key over to OpenSSL: unsupported (OpenSSL error ")
	assert.Contains(t, said, "OPENSSL_CONF")

	// If the intended configuration cannot be loaded, for example because the file that
	// sets up the FIPS provider is missing, OpenSSL does not fall back to the default
	// provider.
	for name, config := range map[string]string{
		"a FIPS module that nobody has set up": strings.Replace(providers("fips"), "[one]", ".include "+t.TempDir()+"/fipsmodule.cnf\n[two]", 1),
		"a section that is not there":          "openssl_conf = nonesuch\n",
		"what is no configuration":             "config_diagnostics = 1\n[main\n",
	} {
		said, err := configured(config)
		require.Error(t, err, name)
		assert.Contains(t, said, "OpenSSL's configuration cannot be loaded: ", name)
	}
	said, err = configuredBy(t.TempDir() + "/openssl.cnf")
	require.Error(t, err)
	assert.Contains(t, said, "OpenSSL's configuration cannot be loaded: no such file or directory")

	said, err = configuredBy("")
	require.NoError(t, err, said)
}

// providers returns an OpenSSL configuration with one provider.
func providers(name string) string {
	return "config_diagnostics = 1\nopenssl_conf = main\n[main]\nproviders = providers\n[providers]\n" +
		name + " = one\n[one]\nactivate = 1\n"
}

func TestJSONNamesAreThoseOfKeyFile(t *testing.T) {
	var source Source
	require.NoError(t, json.Unmarshal([]byte(`{"path":"private.key","refuse_world_readable":true}`), &source))
	assert.Equal(t, keys.File{Path: "private.key", RefuseWorldReadable: true}, source.File)
}
