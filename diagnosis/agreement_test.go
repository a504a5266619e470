package diagnosis

import (
	"context"
	"crypto"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// The wrong signatures that OpenSSL can make with the key are distinguished.
func TestSignaturesOfOpenSSL(t *testing.T) {
	openssl := testtool.Find(t, "openssl")
	dir := t.TempDir()
	key := testkeys.WritePrivate(t, testkeys.Merchant())
	body, digest := filepath.Join(dir, "body"), filepath.Join(dir, "digest")
	require.NoError(t, os.WriteFile(body, []byte(request), 0o600))
	require.NoError(t, os.WriteFile(digest, digestOf(crypto.SHA256, []byte(request)), 0o600))

	for args, want := range map[string][]Cause{
		"dgst -sha256 -sign KEY BODY":                              {Valid},
		"dgst -sha1 -sign KEY BODY":                                {HashAlgorithm},
		"dgst -md5 -sign KEY BODY":                                 {HashAlgorithm},
		"dgst -sha512 -sign KEY BODY":                              {HashAlgorithm},
		"dgst -sha3-256 -sign KEY BODY":                            {HashAlgorithm, OtherBytes},
		"dgst -sha256 -sign KEY -sigopt rsa_padding_mode:pss BODY": {PSSPadding},
		"dgst -sha256 -sign KEY -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest BODY": {PSSPadding},
		"dgst -sha256 -sign KEY -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0 BODY":      {PSSPadding},
		"pkeyutl -sign -inkey KEY -in DIGEST":                                                     {OtherPadding},
		"pkeyutl -sign -inkey KEY -in DIGEST -pkeyopt digest:sha256":                              {Valid},
		"dgst -sha256 -sign KEY DIGEST":                                                           {DigestSigned},
	} {
		t.Run(args, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("KEY", key, "BODY", body, "DIGEST", digest).Replace(args))
			signature, err := exec.Command(openssl, args...).Output()
			require.NoError(t, err)
			d := Diagnose(&testkeys.Merchant().PublicKey, []byte(request), base64.StdEncoding.EncodeToString(signature))
			causes := []Cause{d.Cause}
			for _, finding := range d.Further {
				causes = append(causes, finding.Cause)
			}
			assert.Equal(t, want, causes, d.Advice)
		})
	}
}

// The diagnosis is Valid if and only if the sidecar accepts the signature.
func FuzzDiagnose(f *testing.F) {
	key := testkeys.Merchant()
	for _, body := range []string{"", "{}", request, "\xef\xbb\xbf{}\r\n", `"{}"`, `{"data":{"a":1.50,"b":[null,{}]}}`, "\x1f\x8b", "%7B"} {
		s, err := signer.Sign(context.Background(), key, []byte(body))
		require.NoError(f, err)
		f.Add([]byte(body), s)
		f.Add([]byte(body+" "), s)
		f.Add([]byte(body), strings.TrimRight(s, "="))
		f.Add([]byte(body), s[:300])
		f.Add([]byte(body), `"`+s+`"`)
	}
	f.Fuzz(func(t *testing.T, body []byte, sign string) {
		d := Diagnose(&key.PublicKey, body, sign)
		require.Equal(t, signer.Verify(&key.PublicKey, body, sign) == nil, d.Cause == Valid, d.Advice)
		require.NotEmpty(t, d.Advice)
		if len(sign) > 100 {
			requireSilent(t, d, sign)
		}
	})
}
