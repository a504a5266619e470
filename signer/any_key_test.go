package signer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func TestAnyKeyAccepted(t *testing.T) {
	key := testkeys.Merchant()
	for name, text := range map[string]string{
		"PKCS#8":           testkeys.PrivatePEM(key),
		"PKCS#1":           testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)),
		"mislabelled":      testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS8(key)),
		"one line PKCS#8":  testkeys.OneLine(testkeys.PKCS8(key)) + "\n",
		"one line PKCS#1":  testkeys.OneLine(testkeys.PKCS1(key)),
		"binary PKCS#8":    string(testkeys.PKCS8(key)),
		"binary PKCS#1":    string(testkeys.PKCS1(key)),
		"public":           testkeys.PublicPEM(&key.PublicKey),
		"public PKCS#1":    testkeys.PEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)),
		"one line public":  testkeys.OneLine(testkeys.SPKI(&key.PublicKey)),
		"binary public":    string(testkeys.SPKI(&key.PublicKey)),
		"binary p. PKCS#1": string(x509.MarshalPKCS1PublicKey(&key.PublicKey)),
	} {
		t.Run(name, func(t *testing.T) {
			private, public, err := ParseKey([]byte(text))
			require.NoError(t, err)
			assert.True(t, key.PublicKey.Equal(public))
			isPublic := strings.Contains(name, "public") || strings.Contains(name, "p. ")
			assert.Equal(t, isPublic, private == nil)
			if !isPublic {
				assert.True(t, key.Equal(private))
			}

			_, fromFile, err := ReadKeyFile(writeFile(t, text))
			require.NoError(t, err)
			assert.True(t, public.Equal(fromFile))
		})
	}
}

// Each mistake gets its own error, whether the key is private or public.
func TestAnyKeyRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, test := range map[string]refused{
		"empty":             {"", []string{"it is empty"}},
		"no key":            {"{}", []string{"it is not a key"}},
		"EC":                {testkeys.PrivatePEM(ec), []string{"an EC key", "needs RSA"}},
		"EC, binary":        {string(testkeys.PKCS8(ec)), []string{"an EC key", "needs RSA"}},
		"EC public":         {testkeys.PublicPEM(&ec.PublicKey), []string{"an EC key", "PayerMax's is an RSA key"}},
		"1024 bits":         {testkeys.OneLine(testkeys.PKCS8(testkeys.Small())), []string{"1024 bits", "openssl genpkey"}},
		"1024 bits, public": {testkeys.OneLine(testkeys.SPKI(&testkeys.Small().PublicKey)), []string{"1024 bits", "dashboard"}},
		"certificate":       {testkeys.PEM("CERTIFICATE", certificateDER(t)), []string{"openssl x509"}},
		"cut":               {string(testkeys.PKCS8(testkeys.Merchant())[:600]), []string{"cut short or damaged"}},
		"cut public":        {testkeys.PublicPEM(&testkeys.Merchant().PublicKey)[:300], []string{"no END line"}},
		"64 K":              {"\x30\x82\xff\xfc" + strings.Repeat("\x05\x00", maxKeyText/2-2), []string{"it is not a key"}},
		"larger than 64 K":  {"\x30\x82" + strings.Repeat("x", maxKeyText), []string{"larger than 64 KiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			private, public, err := ParseKey([]byte(test.text))
			assert.Nil(t, private)
			assert.Nil(t, public)
			checkRefused(t, err, "key: ", test)

			path := writeFile(t, test.text)
			_, _, err = ReadKeyFile(path)
			checkRefused(t, err, "key file "+path+": ", test)
		})
	}
}

func TestAnyKeyFileErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.key")
	_, _, err := ReadKeyFile(missing)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.Equal(t, 1, strings.Count(err.Error(), missing))

	_, _, err = ReadKeyFile("")
	assert.EqualError(t, err, "key: the name of its file is empty")

	value := testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))
	_, _, err = ReadKeyFile(value)
	require.ErrorIs(t, err, errKeyAsPath)
	requireSilent(t, err.Error(), value)

	long := "/" + strings.Repeat("directory./", 23) + "k"
	require.Len(t, long, maxPathInMessage)
	_, _, err = ReadKeyFile(long)
	assert.ErrorContains(t, err, "key file "+long+": ")
	_, _, err = ReadKeyFile(long + "x")
	assert.ErrorContains(t, err, "key file, whose name of 256 characters is not repeated here")

	_, _, err = ReadKeyFile(`"` + value + `"`)
	require.ErrorContains(t, err, "is not repeated here")
	requireSilent(t, err.Error(), value)
}

func FuzzParseKey(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		private, public, err := ParseKey(text)
		require.Equal(t, before, text, "the caller's text is not touched")
		checkFuzzed(t, text, public != nil, err)
		if private != nil {
			require.True(t, private.PublicKey.Equal(public))
		}
	})
}
