package commands_test

import (
	"encoding/base64"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// The signature equals OpenSSL's, for any bytes, from a file and from standard input.
func TestSign(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	for name, content := range map[string]string{"JSON": body, "text": "one line\n", "nothing": "", "binary": "\xff\x00\n\r"} {
		r.write(t, "body", content)
		theirs := openssl(t, "", "dgst", "-sha256", "-sign", filepath.Join(r.dir, "merchant.key"), filepath.Join(r.dir, "body"))
		want := base64.StdEncoding.EncodeToString([]byte(theirs)) + "\n"

		got := r.caddy(t, "payermax-sign", "--private-key", "merchant.key", "--body", "body")
		require.Zero(t, got.code, got.stderr)
		assert.Equal(t, want, got.stdout, name)
		assert.Contains(t, got.stderr, signer.Fingerprint(&testkeys.Merchant().PublicKey))

		got = run{dir: r.dir, stdin: content}.caddy(t, "payermax-sign", "--private-key", "merchant.key")
		require.Zero(t, got.code, got.stderr)
		assert.Equal(t, want, got.stdout, name)
	}
}

func TestSignWarns(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	for content, warnings := range map[string][]any{
		"{}":                 {},
		"":                   {"The body is empty: the signature covers no bytes."},
		"{}\n":               {"The body ends with a line break, which was signed as well. Make sure that it is sent. (echo adds one, printf %s does not.)"},
		"\xef\xbb\xbf{}":     {"The body begins with a byte order mark, which was signed as well. Make sure that it is sent."},
		"data=1":             {"The body is not JSON, so PayerMax will refuse it."},
		"{}{}\r\n":           {"The body ends with a line break, which was signed as well. Make sure that it is sent. (echo adds one, printf %s does not.)", "The body is not JSON, so PayerMax will refuse it."},
		"\x1f\x8b\x08\x00{}": {"The body is compressed. PayerMax's signature covers the JSON that it reads."},
	} {
		r.stdin = content
		got := r.caddy(t, "payermax-sign", "--private-key", "merchant.key", "--json")
		require.Zero(t, got.code, got.stderr)
		assert.Empty(t, got.stderr)
		fields := got.fields(t)
		assert.Equal(t, warnings, fields["warnings"])
		assert.Len(t, fields["sign"], 344)
		assert.Equal(t, float64(len(content)), fields["body"].(map[string]any)["length"])
		assert.Equal(t, signer.Fingerprint(&testkeys.Merchant().PublicKey), fields["fingerprint"])
	}
	r.stdin = "{}\n"
	assert.Contains(t, r.caddy(t, "payermax-sign", "--private-key", "merchant.key").stderr, "\nwarning  The body ends with a line break")
}

func TestSignTooMuch(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	r.stdin = string(make([]byte, 16<<20+1))
	got := r.caddy(t, "payermax-sign", "--private-key", "merchant.key")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "the standard input: larger than 16 MiB")
}
