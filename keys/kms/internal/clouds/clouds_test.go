package clouds

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	_ "github.com/caddy-payermax/caddy-payermax/keys/kms"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
)

var digest = sha256.Sum256([]byte(`{"data":{}}`))

// inputs are the configs of the sources.
var inputs = map[string]string{
	"aws":   "aws awskms:key-id=" + awsKeyID + ";region=eu-central-1",
	"gcp":   "gcp cloudkms:" + gcpKeyName + "?credentials-file={env.PAYERMAX_TEST_GCP_FILE}",
	"azure": "azure azurekms:vault=shop;name=payermax;version=78deebed173b48e48f55abf87ed4cf71;tenant-id=" + azureTenant + ";client-id=" + azureClient + ";client-secret={env.PAYERMAX_TEST_CLIENT_SECRET}",
}

type source interface {
	Key() (crypto.Signer, string, error)
}

// load loads a source as Caddy does.
func load(t *testing.T, input string) (source, context.CancelFunc) {
	t.Helper()
	d := caddyfile.NewTestDispenser(input + " {\n timeout 3s\n}")
	d.Next()
	name := "payermax.keys." + d.Val()
	module, err := caddyfile.UnmarshalModule(d, name)
	require.NoError(t, err)
	config, err := json.Marshal(module)
	require.NoError(t, err)
	assert.NotContains(t, string(config), "canary")

	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	loaded, err := ctx.LoadModuleByID(name, config)
	require.NoError(t, err)
	shown, err := json.Marshal(loaded)
	require.NoError(t, err)
	assert.JSONEq(t, string(config), string(shown), "placeholders stay as they were written")
	return loaded.(source), cancel
}

func sign(key crypto.Signer) error {
	signature, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(key.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature)
}

// eachCloud runs a test with each source and a key that works.
func eachCloud(t *testing.T, test func(t *testing.T, input string)) {
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			theKey.reset(rsa2k)
			test(t, input)
		})
	}
}

func TestSigns(t *testing.T) {
	eachCloud(t, func(t *testing.T, input string) {
		source, end := load(t, input)
		key, fingerprint, err := source.Key()
		require.NoError(t, err)
		assert.True(t, rsa2k.PublicKey.Equal(key.Public()))
		assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, fingerprint)
		for range 3 {
			assert.NoError(t, sign(key))
		}
		end()
		assert.NoError(t, sign(key), "a request that is still served when the config has ended")
	})
}

func TestRefusesKeysThatPayerMaxDoesNotWant(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	eachCloud(t, func(t *testing.T, input string) {
		for want, key := range map[string]crypto.Signer{
			"the RSA key has 1024 bits, which is too weak":     rsa1k,
			"needs an RSA key, this one is a *ecdsa.PublicKey": curve,
		} {
			theKey.reset(key)
			source, _ := load(t, input)
			_, _, err := source.Key()
			assert.ErrorContains(t, err, want)
		}
	})
}

func TestRefusedByTheCloud(t *testing.T) {
	eachCloud(t, func(t *testing.T, input string) {
		theKey.set(func() { theKey.fail = http.StatusForbidden })
		denied, _ := load(t, input)
		_, _, err := denied.Key()
		fitForALog(t, err)

		theKey.reset(rsa2k)
		source, _ := load(t, input)
		key, _, err := source.Key()
		require.NoError(t, err)
		theKey.set(func() { theKey.fail = http.StatusForbidden })
		err = sign(key)
		assert.ErrorIs(t, err, remote.ErrUnavailable)
		fitForALog(t, err)
		theKey.reset(rsa2k)
		assert.NoError(t, sign(key))
	})
}

func fitForALog(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	t.Log(err)
	assert.NotContains(t, err.Error(), "canary")
	assert.NotContains(t, err.Error(), "\n")
	assert.Less(t, len(err.Error()), 600)
}

func TestCloudThatDoesNotAnswer(t *testing.T) {
	eachCloud(t, func(t *testing.T, input string) {
		source, _ := load(t, input)
		key, _, err := source.Key()
		require.NoError(t, err)
		block := make(chan struct{})
		theKey.set(func() { theKey.block = block })
		stood := testtool.Standstill(t)
		begin := time.Now()
		assert.ErrorIs(t, sign(key), remote.ErrUnavailable)
		assert.Less(t, time.Since(begin), 3500*time.Millisecond+stood(), "the timeout is 3s")
		close(block)
		theKey.reset(rsa2k)
		assert.NoError(t, sign(key))
	})
}

func TestReplacedKeyIsDetected(t *testing.T) {
	eachCloud(t, func(t *testing.T, input string) {
		source, _ := load(t, input)
		key, _, err := source.Key()
		require.NoError(t, err)
		theKey.set(func() { theKey.signs = rsa2k2 })
		assert.ErrorIs(t, sign(key), remote.ErrBadSignature)
	})
}

func TestWrongCredentials(t *testing.T) {
	theKey.reset(rsa2k)
	t.Setenv("PAYERMAX_TEST_CLIENT_SECRET", "canary-wrong")
	azure, _ := load(t, inputs["azure"])
	_, _, err := azure.Key()
	fitForALog(t, err)
	assert.ErrorContains(t, err, "invalid_client")

	gcp, _ := load(t, strings.ReplaceAll(inputs["gcp"], "{env.PAYERMAX_TEST_GCP_FILE}", "/nonexistent"))
	_, _, err = gcp.Key()
	fitForALog(t, err)
}
