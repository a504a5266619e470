package commands_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// forms returns the merchant's key in each form, by name.
func forms() (private, public map[string]string) {
	key := testkeys.Merchant()
	return map[string]string{
			"pkcs8-pem": testkeys.PrivatePEM(key),
			"pkcs1-pem": testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)),
			"base64":    testkeys.OneLine(testkeys.PKCS8(key)) + "\n",
			"der":       string(testkeys.PKCS8(key)),
		}, map[string]string{
			"public-pem":    testkeys.PublicPEM(&key.PublicKey),
			"public-base64": testkeys.OneLine(testkeys.SPKI(&key.PublicKey)) + "\n",
		}
}

// Every form that can be read is converted to every form that can be written.
func TestConvert(t *testing.T) {
	t.Parallel()
	private, public := forms()
	key := testkeys.Merchant()
	private["mislabelled"] = testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS8(key))
	private["one-line PKCS#1"] = testkeys.OneLine(testkeys.PKCS1(key))
	private["binary PKCS#1"] = string(testkeys.PKCS1(key))
	public["PKCS#1"] = testkeys.PEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey))
	public["binary"] = string(testkeys.SPKI(&key.PublicKey))

	for from, text := range private {
		for _, to := range []string{"pkcs8-pem", "pkcs1-pem", "base64", "der"} {
			got := run{dir: t.TempDir(), stdin: text}.caddy(t, "payermax-convert", "--to", to)
			require.Zero(t, got.code, got.stderr)
			assert.True(t, got.stdout == private[to], "%s to %s", from, to)
			assert.Equal(t, "key      "+signer.Fingerprint(&key.PublicKey)+"\nbits     2048\n", got.stderr)
		}
	}
	maps.Copy(public, map[string]string{"private": private["base64"]})
	for from, text := range public {
		for _, to := range []string{"public-pem", "public-base64"} {
			r := run{dir: t.TempDir()}
			r.write(t, "in", text)
			got := r.caddy(t, "payermax-convert", "--to", to, "--in", "in")
			require.Zero(t, got.code, got.stderr)
			assert.Equal(t, public[to], got.stdout, "%s to %s", from, to)
		}
	}
}

// OpenSSL accepts each form under its name.
func TestConvertedForOpenSSL(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	_, public := forms()
	for to, args := range map[string]string{
		"pkcs8-pem":  "pkey -inform PEM -pubout",
		"pkcs1-pem":  "rsa -traditional -inform PEM -pubout",
		"der":        "pkey -inform DER -pubout",
		"public-pem": "pkey -pubin -pubout",
	} {
		got := r.caddy(t, "payermax-convert", "--to", to, "--in", "merchant.key")
		require.Zero(t, got.code, got.stderr)
		args = strings.Replace(args, "rsa -traditional", "rsa", 1)
		assert.Equal(t, public["public-pem"], openssl(t, got.stdout, strings.Fields(args)...), to)
	}
}

func TestConvertToFiles(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	private, public := forms()
	for to, want := range private {
		got := r.caddy(t, "payermax-convert", "--in", "merchant.key", "--to", to, "--out", "out."+to)
		require.Zero(t, got.code, got.stderr)
		assert.Empty(t, got.stdout)
		assert.Contains(t, got.stderr, "written  out."+to+"\n")
		assert.True(t, want == r.read(t, "out."+to))
		requireMode(t, r, "out."+to, 0o600)
	}
	for to, want := range public {
		got := r.caddy(t, "payermax-convert", "--in", "merchant.key", "--to", to, "--out", "out."+to, "--json")
		require.Zero(t, got.code, got.stderr)
		assert.Equal(t, map[string]any{"file": "out." + to, "form": to, "fingerprint": signer.Fingerprint(&testkeys.Merchant().PublicKey), "bits": 2048.0}, got.fields(t))
		assert.Equal(t, want, r.read(t, "out."+to))
		requireMode(t, r, "out."+to, 0o644)

		got = r.caddy(t, "payermax-convert", "--in", "merchant.key", "--to", to, "--json")
		assert.Equal(t, want, got.fields(t)["publicKey"])
	}

	before := slices.Sorted(slices.Values(r.names(t)))
	got := r.caddy(t, "payermax-convert", "--in", "merchant.key", "--to", "pkcs1-pem", "--out", "out.der")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "out.der already exists and is not overwritten")
	assert.True(t, private["der"] == r.read(t, "out.der"))
	assert.Equal(t, before, r.names(t))
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for says, test := range map[string]struct {
		text string
		code int
	}{
		"which cannot be converted to a private one": {testkeys.PublicPEM(&testkeys.Merchant().PublicKey), 1},
		"it is an EC key":      {testkeys.PrivatePEM(ec), 2},
		"RSA key of 1024 bits": {testkeys.PrivatePEM(testkeys.Small()), 2},
		"cut short":            {testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))[:500], 2},
	} {
		got := run{dir: t.TempDir(), stdin: test.text}.caddy(t, "payermax-convert", "--to", "pkcs8-pem")
		assert.Equal(t, test.code, got.code)
		assert.Contains(t, got.stderr, says)
		assert.Empty(t, got.stdout)
		testkeys.RequireSilent(t, got.stderr, strings.ReplaceAll(test.text, "\n", ""), 12)
	}
}
