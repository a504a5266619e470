package commands_test

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// signed returns the signature of a text.
func signed(t *testing.T, key *rsa.PrivateKey, text string) string {
	t.Helper()
	sign, err := signer.Sign(context.Background(), key, []byte(text))
	require.NoError(t, err)
	return sign
}

func TestVerify(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	good := signed(t, testkeys.Merchant(), body)
	r.write(t, "good.sign", good)
	r.write(t, "line.sign", good+"\r\n")
	r.write(t, "empty.sign", "")

	for _, test := range []struct {
		args []string
		want string
		says string
	}{
		{[]string{"--public-key", "merchant.pub", "--body", "request.json", "--sign", good}, "valid", ""},
		{[]string{"--private-key", "merchant.key", "--body", "request.json", "--sign-file", "good.sign"}, "valid", ""},
		{[]string{"--public-key", "merchant.pub", "--body", "request.json", "--sign-file", "line.sign"}, "valid", ""},
		{[]string{"--public-key", "merchant.pub", "--sign", good}, "valid", ""}, // from standard input
		{[]string{"--public-key", "stranger.pub", "--sign", good}, "invalid", "does not match the body and the public key; add --explain to find out why"},
		{[]string{"--public-key", "merchant.pub", "--sign", good[:343]}, "invalid", "it has 343 characters"},
		{[]string{"--public-key", "merchant.pub", "--sign", ""}, "invalid", "it is empty"},
		{[]string{"--public-key", "merchant.pub", "--sign-file", "empty.sign"}, "invalid", "it is empty"},
		{[]string{"--public-key", "merchant.pub", "--body", "merchant.pub", "--sign", good}, "invalid", "does not match"},
	} {
		r.stdin = body
		got := r.caddy(t, append([]string{"payermax-verify"}, test.args...)...)
		assert.Equal(t, test.want+"\n", got.stdout, test.args)
		assert.Contains(t, got.stderr, test.says)
		assert.Equal(t, test.want == "valid", got.code == 0)
		assert.Equal(t, test.want == "invalid", got.code == 1)
		assert.Equal(t, test.want == "valid", got.stderr == "")
		testkeys.RequireSilent(t, got.stderr, good, 12)
	}
}

// A signature by OpenSSL is valid, but not for one byte more or less.
func TestVerifyOpenSSL(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	theirs := openssl(t, body, "dgst", "-sha256", "-sign", filepath.Join(r.dir, "merchant.key"))
	r.write(t, "sign", base64.StdEncoding.EncodeToString([]byte(theirs)))
	for content, code := range map[string]int{body: 0, body + "\n": 1, body[1:]: 1} {
		r.stdin = content
		assert.Equal(t, code, r.caddy(t, "payermax-verify", "--public-key", "merchant.pub", "--sign-file", "sign").code)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	sum := sha256.Sum256([]byte(body + "\n"))
	fingerprint := signer.Fingerprint(&testkeys.Merchant().PublicKey)
	args := func(sign string, more ...string) []string {
		return append([]string{"payermax-verify", "--public-key", "merchant.pub", "--body", "request.json", "--sign", sign, "--explain"}, more...)
	}

	got := r.caddy(t, args(signed(t, testkeys.Merchant(), body))...)
	assert.Zero(t, got.code)
	assert.Equal(t, "valid\n", got.stdout)
	assert.Contains(t, got.stderr, "body     245 bytes, from an opening brace to a closing brace; no line breaks;\n         JSON\n")
	assert.Contains(t, got.stderr, "\nkey      "+fingerprint+"\nsigner   this key\ncause    valid\n")

	got = r.caddy(t, args(signed(t, testkeys.Merchant(), body+"\n"))...)
	assert.Equal(t, 1, got.code)
	assert.Equal(t, "invalid\n", got.stdout)
	assert.Contains(t, got.stderr, "\nsigned   "+hex.EncodeToString(sum[:])+"\n")
	assert.Contains(t, got.stderr, "\ncause    trailing-newline\n")

	stranger := signed(t, testkeys.Stranger(), body)
	got = r.caddy(t, args(stranger)...)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "\nsigner   unknown\ncause    wrong-key\n")

	got = r.caddy(t, args(stranger, "--other-key", "merchant.key", "--other-key", "stranger.pub")...)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "\nsigner   "+signer.Fingerprint(&testkeys.Stranger().PublicKey)+"\n         (stranger.pub)\ncause    wrong-key\n")

	got = r.caddy(t, args(strings.TrimRight(signed(t, testkeys.Merchant(), body+"\n"), "="))...)
	assert.Contains(t, got.stderr, "\ncause    signature-encoding\n")
	assert.Contains(t, got.stderr, "\nalso     trailing-newline\n")
	for line := range strings.Lines(got.stderr) {
		assert.LessOrEqual(t, len(line), 81)
	}
}

func TestExplainForMachines(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	sum, other := sha256.Sum256([]byte(body)), sha256.Sum256([]byte("{}"))
	described := map[string]any{
		"length": float64(len(body)), "sha256": hex.EncodeToString(sum[:]), "first": "an opening brace", "last": "a closing brace",
		"lineFeeds": 0.0, "crlfs": 0.0, "byteOrderMark": false, "utf8": true, "json": true,
	}
	merchant, stranger := signer.Fingerprint(&testkeys.Merchant().PublicKey), signer.Fingerprint(&testkeys.Stranger().PublicKey)

	for _, test := range []struct {
		sign string
		code int
		want map[string]any
	}{
		{signed(t, testkeys.Merchant(), body), 0, map[string]any{"valid": true, "cause": "valid", "signer": merchant, "signerFile": "merchant.pub", "hash": "SHA-256", "digest": hex.EncodeToString(sum[:])}},
		{signed(t, testkeys.Stranger(), "{}"), 1, map[string]any{"valid": false, "cause": "wrong-key", "signer": stranger, "signerFile": "stranger.pub", "hash": "SHA-256", "digest": hex.EncodeToString(other[:])}},
		{"", 1, map[string]any{"valid": false, "cause": "signature-missing"}},
	} {
		got := r.caddy(t, "payermax-verify", "--public-key", "merchant.pub", "--body", "request.json", "--sign", test.sign, "--json", "--other-key", "stranger.pub")
		assert.Equal(t, test.code, got.code)
		assert.Empty(t, got.stderr)
		fields := got.fields(t)
		assert.NotEmpty(t, fields["advice"])
		delete(fields, "advice")
		if test.want["cause"] == "wrong-key" {
			assert.Equal(t, "no-body", fields["also"].([]any)[0].(map[string]any)["cause"])
			delete(fields, "also")
		}
		test.want["key"], test.want["body"] = merchant, described
		assert.Equal(t, test.want, fields)
	}
}
