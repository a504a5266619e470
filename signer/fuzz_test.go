package signer

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// seeds returns key texts of every accepted form, and the beginnings of many that are not
// accepted.
func seeds(f *testing.F) {
	key := testkeys.Merchant()
	texts := []string{
		testkeys.PrivatePEM(key),
		testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)),
		testkeys.OneLine(testkeys.PKCS8(key)),
		testkeys.OneLine(testkeys.PKCS1(key)),
		testkeys.PublicPEM(&key.PublicKey),
		testkeys.PEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)),
		testkeys.OneLine(testkeys.SPKI(&key.PublicKey)),
		string(testkeys.PKCS8(key)),
		utf16LE(testkeys.OneLine(testkeys.SPKI(&key.PublicKey))),
		testkeys.OneLine(testkeys.PKCS1(testkeys.Small())),
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		"-----END PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\n",
		"-----BEGIN -----\n-----END -----",
		"-----BEGIN-----",
		"ssh-rsa AAAA",
	}
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(text[:len(text)/2]))
	}
	for _, test := range accidents("PUBLIC KEY", testkeys.SPKI(&key.PublicKey)) {
		if len(test.text) < 4096 {
			f.Add([]byte(test.text))
		}
	}
}

var base64Run = regexp.MustCompile(`[A-Za-z0-9+/=_-]{12,}`)

// checkFuzzed checks what must hold for any input. The result is a key or an error, never
// both. The error has one line and does not repeat any twelve characters of the input
// that could be part of a key.
func checkFuzzed(t *testing.T, text []byte, accepted bool, err error) {
	require.NotEqual(t, accepted, err != nil)
	if err == nil {
		return
	}
	message := err.Error()
	require.NotContains(t, message, "\n")
	require.Less(t, len(message), 500)
	for _, run := range base64Run.FindAllString(message, -1) {
		for i := 0; i+12 <= len(run); i++ {
			if strings.Contains(string(text), run[i:i+12]) {
				t.Fatalf("the error repeats %q", run[i:i+12])
			}
		}
	}
}

func FuzzParsePrivateKey(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		key, err := ParsePrivateKey(text)
		require.Equal(t, before, text, "the caller's text is not touched")
		checkFuzzed(t, text, key != nil, err)
		if key != nil {
			require.GreaterOrEqual(t, key.N.BitLen(), minBits)
			again, err := ParsePrivateKey([]byte(testkeys.OneLine(testkeys.PKCS8(key))))
			require.NoError(t, err)
			require.True(t, key.Equal(again))
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		key, err := ParsePublicKey(text)
		require.Equal(t, before, text, "the caller's text is not touched")
		checkFuzzed(t, text, key != nil, err)
		if key != nil {
			require.GreaterOrEqual(t, key.N.BitLen(), minBits)
			require.ErrorIs(t, Verify(key, nil, testkeys.OneLine(make([]byte, key.Size()))), ErrSignatureMismatch)
			again, err := ParsePublicKey([]byte(testkeys.PublicPEM(key)))
			require.NoError(t, err)
			require.True(t, key.Equal(again))
			require.Equal(t, Fingerprint(key), Fingerprint(&rsa.PublicKey{N: key.N, E: key.E}))
		}
	})
}
