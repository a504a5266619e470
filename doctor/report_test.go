package doctor

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

var report = Report{
	{"config", "Caddyfile", OK, "it can be read", ""},
	{"private key", "payermax on :8080", Problem, "it is gone", "fetch it"},
	{"private key file", "payermax on :8080", Warning, "/a\x1b[31m\nb is <readable>", "chmod o-r it"},
	{"load", "payermax on :8080", Problem, "did you mean app_id?", "correct it"},
	{"clock", "https://host", NotChecked, "there is no time", ""},
}

func TestWriteText(t *testing.T) {
	var plain, colourful bytes.Buffer
	require.NoError(t, report.WriteText(&plain, false))
	assert.Equal(t, `Caddyfile
[ok] config: it can be read

payermax on :8080
[problem] private key: it is gone. Next: fetch it
[warning] private key file: /a?[31m?b is <readable>. Next: chmod o-r it
[problem] load: did you mean app_id? Next: correct it

https://host
[not checked] clock: there is no time

2 problems, 1 warning, 1 ok, 1 not checked
`, plain.String())

	require.NoError(t, report.WriteText(&colourful, true))
	assert.Contains(t, colourful.String(), "\x1b[31m[problem]\x1b[0m private key")
	stripped := colourful.String()
	for _, sequence := range append([]string{"\x1b[0m"}, colours[OK], colours[Warning], colours[Problem], colours[NotChecked]) {
		stripped = strings.ReplaceAll(stripped, sequence, "")
	}
	assert.Equal(t, plain.String(), stripped)
}

func TestWriteJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, report.WriteJSON(&out))
	var back []map[string]string
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Len(t, back, 5)
	assert.Equal(t, map[string]string{
		"check": "private key", "subject": "payermax on :8080", "result": "problem", "message": "it is gone", "next": "fetch it",
	}, back[1])
	assert.Equal(t, "not checked", back[4]["result"])

	out.Reset()
	require.NoError(t, Report(nil).WriteJSON(&out))
	assert.Equal(t, "[]\n", out.String())
}

func TestSummary(t *testing.T) {
	assert.Equal(t, "0 problems, 2 warnings, 0 ok, 0 not checked", Report{{Outcome: Warning}, {Outcome: Warning}}.Summary())
}

func TestDiscreet(t *testing.T) {
	key := testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))
	// A hash in place of a key's bytes: the same ones each time. One line of 56 has its slashes
	// where they leave no long word.
	sum := sha512.Sum384([]byte("a line"))
	line := base64.StdEncoding.EncodeToString(sum[:])
	withSlashes := line[:20] + "/" + line[21:41] + "/" + line[42:]
	for name, text := range map[string]string{
		"one line":  "unrecognized directive: " + key,
		"one piece": `unexpected token "` + line + `", at Caddyfile:7`,
		"slashes":   `unexpected token "` + withSlashes + `", at Caddyfile:7`,
		"a slash":   "unexpected token '/" + withSlashes[1:] + "'",
		"beginning": "unrecognized directive: " + key[:40],
		"URL-safe":  "no module " + strings.NewReplacer("+", "-", "/", "_").Replace(key),
		"PEM":       "expected a path: -----BEGIN PRIVATE KEY-----",
	} {
		assert.Equal(t, withheld, Discreet(text), name)
	}
	for _, text := range []string{
		"unrecognized directive: payermax_singn",
		"open /tmp/TestDoctorFindsTheKey1234567890/001/private.key: no such file or directory",
		"it has the fingerprint sha256:8ed1d92031f9a674fffd6cd8c505c3cdb56886b8a1d4d1fc414eacb5dd9f0a10",
		"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab is disabled",
		"loading module 'payermax': provision http.handlers.payermax: {env.PAYERMAX_GATEWAY_PUBLIC_KEY} is empty",
	} {
		assert.Equal(t, text, Discreet(text))
	}
}
