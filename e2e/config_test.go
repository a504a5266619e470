package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// validateConfig runs `caddy validate` and returns its output, and whether it accepted the config.
func validateConfig(t *testing.T, directives string, env ...string) (out string, valid bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	// Without debug, because Caddy's own debug log prints the whole config, including a key that
	// somebody wrote in place of a file name.
	config := strings.Replace(caddyfile(testnet.FreePort(t), directives), "debug\n", "", 1)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	printed, err := caddyCommand(t, ctx, env, "validate", "--config", file, "--adapter", "caddyfile").CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err())
	assert.NotRegexp(t, `\bpanic\b`, string(printed))
	assert.NotContains(t, string(printed), "DATA RACE")
	return string(printed), err == nil
}

// requireNoKey checks that an output shows no part of a key's text.
func requireNoKey(t *testing.T, out, key string) {
	t.Helper()
	const window = 16
	for line := range strings.Lines(key) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "-----") {
			continue
		}
		for i := 0; i+window <= len(line); i++ {
			require.NotContains(t, out, line[i:i+window], "a part of the key was printed")
		}
	}
}

// A key that cannot be used is refused when the config is loaded. The error names the option and
// the file, and contains no byte of the key.
func TestValidateRefusesPrivateKeys(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	good := testkeys.PrivatePEM(testkeys.Merchant())

	for name, test := range map[string]struct{ text, says string }{
		"1024 bits":     {testkeys.PrivatePEM(testkeys.New(1024)), "1024 bits"},
		"encrypted":     {encrypt(t, good), "encrypted"},
		"EC":            {testkeys.PrivatePEM(ec), "EC key"},
		"public key":    {testkeys.PublicPEM(&testkeys.Merchant().PublicKey), "public key"},
		"empty":         {"", "empty"},
		"white space":   {" \n\n", "white space"},
		"truncated":     {good[:len(good)/2], ""},
		"cut on a line": {testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))[:800], ""},
		"two keys":      {good + good, ""},
		"not a key":     {"correct-horse-battery-staple", ""},
		"binary":        {"\x00\x01\x02\xff", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := testkeys.WriteFile(t, test.text)
			out, valid := validateConfig(t, "payermax {\ngateway uat\napp_id "+appID+"\nprivate_key "+file+"\n}")
			require.False(t, valid, out)
			require.Contains(t, out, "private_key: ")
			require.Contains(t, out, file)
			require.Contains(t, out, test.says)
			requireNoKey(t, out, test.text)
		})
	}
}

// encrypt protects a key with a passphrase.
func encrypt(t *testing.T, key string) string {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		// The shape of an encrypted key, as far as a reader without the passphrase can tell.
		return testkeys.PEM("ENCRYPTED PRIVATE KEY", []byte{0x30, 0x06, 0x30, 0x02, 0x05, 0x00, 0x04, 0x00})
	}
	cmd := exec.Command(openssl, "pkcs8", "-topk8", "-passout", "pass:secret")
	cmd.Stdin = strings.NewReader(key)
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	key := testkeys.WritePrivate(t, testkeys.Merchant())
	missing := filepath.Join(t.TempDir(), "missing.key")

	for name, test := range map[string]struct {
		options string
		says    []string
	}{
		"missing file":             {"gateway uat\napp_id A\nprivate_key " + missing, []string{"private_key: ", missing, "no such file"}},
		"a folder":                 {"gateway uat\napp_id A\nprivate_key " + t.TempDir(), []string{"private_key: ", "directory"}},
		"key as a path":            {"gateway uat\napp_id A\nprivate_key " + testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())), []string{"looks like a key itself"}},
		"no private_key":           {"gateway uat\napp_id A", []string{"private_key: ", "required"}},
		"unset placeholder":        {"gateway uat\napp_id A\nprivate_key {env.UNSET}", []string{"private_key: ", "env.UNSET"}},
		"empty variable":           {"gateway uat\napp_id {env.EMPTY}\nprivate_key " + key, []string{"app_id: ", "env.EMPTY"}},
		"unknown placeholder":      {"gateway uat\napp_id {no.such.thing}\nprivate_key " + key, []string{"app_id: ", "no.such.thing"}},
		"no app_id":                {"gateway uat\nprivate_key " + key, []string{"app_id: ", "required"}},
		"app_id with a line break": {"gateway uat\napp_id \"a\nb\"\nprivate_key " + key, []string{"app_id: "}},
		"app_id of dots":           {"gateway uat\napp_id ...\nprivate_key " + key, []string{"app_id: ", "was not filled in"}},
		"merchant_no of dots":      {"gateway uat\napp_id A\nmerchant_no ...\nprivate_key " + key, []string{"merchant_no: ", "was not filled in"}},
		"relative token":           {"gateway uat\napp_id A\nmerchant_auth_token {file.tok}\nprivate_key " + key, []string{"merchant_auth_token: ", "{file.tok}", "expected an absolute path"}},
		"relative key_version":     {"gateway uat\napp_id A\nkey_version {file.key_version}\nprivate_key " + key, []string{"key_version: ", "{file.key_version}", "expected an absolute path"}},
		"app_id too long":          {"gateway uat\napp_id " + strings.Repeat("a", 65) + "\nprivate_key " + key, []string{"app_id: ", "64"}},
		"bad gateway key":          {"gateway uat\napp_id A\nprivate_key " + key + "\ngateway_public_key " + key, []string{"gateway_public_key: ", key}},
		"no gateway":               {"app_id A\nprivate_key " + key, []string{"gateway is required"}},
		"plain http":               {"gateway http://example.com\napp_id A\nprivate_key " + key, []string{"gateway", "https"}},
		"http that looks local":    {"gateway http://127.0.0.1.example.com\napp_id A\nprivate_key " + key, []string{"https"}},
		"gateway with a path":      {"gateway https://example.com/pay\napp_id A\nprivate_key " + key, []string{"gateway"}},
		"gateway with a password":  {"gateway https://u:secret-word@example.com\napp_id A\nprivate_key " + key, []string{"password"}},
		"unknown gateway":          {"gateway prod\napp_id A\nprivate_key " + key, []string{"production"}},
		"gateway twice":            {"gateway uat\ngateway production\napp_id A\nprivate_key " + key, []string{"already set"}},
		"unknown option":           {"gateway uat\napp_id A\nprivat_key " + key, []string{"privat_key"}},
		"second upstream":          {"gateway uat\nto localhost:9000\napp_id A\nprivate_key " + key, []string{"to has no place here"}},
		"other transport":          {"gateway uat\ntransport fastcgi\napp_id A\nprivate_key " + key, []string{"transport fastcgi"}},
		"negative timeout":         {"gateway uat\ntimeout -1s\napp_id A\nprivate_key " + key, []string{"timeout"}},
		"size in words":            {"gateway uat\nmax_body_size big\napp_id A\nprivate_key " + key, []string{"max_body_size"}},
		"proxy beside sandbox":     {"gateway sandbox\nlb_retries 3", []string{"lb_retries"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, valid := validateConfig(t, "payermax {\n"+test.options+"\n}", "EMPTY=")
			require.False(t, valid, out)
			for _, words := range test.says {
				require.Contains(t, out, words)
			}
			requireNoKey(t, out, testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))
			require.NotContains(t, out, "secret-word")
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	key := testkeys.WritePrivate(t, testkeys.Merchant())

	for name, options := range map[string]string{
		"any version":  "gateway uat\napp_id A\nversion 9.9\nprivate_key " + key,
		"uat":          "gateway uat\napp_id A\nprivate_key " + key,
		"production":   "gateway production\napp_id A\nversion 1.6\nprivate_key " + key,
		"placeholders": "gateway uat\napp_id {env.APP}\nprivate_key {env.KEYS}/the.key",
		"sandbox":      "gateway sandbox",
		"IPv6":         "gateway http://[::1]:9000\napp_id A\nprivate_key " + key,
	} {
		t.Run(name, func(t *testing.T) {
			out, valid := validateConfig(t, "payermax {\n"+options+"\n}", "APP=A", "KEYS="+filepath.Dir(key))
			require.True(t, valid, out)
			requireNoKey(t, out, testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))
		})
	}
}
