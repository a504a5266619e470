package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Whatever the arguments, right or wrong, the commands print no byte of a private key
// that was not asked for, and nothing of a body.
func TestNothingSecretIsPrinted(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	key := testkeys.Merchant()
	pkcs8, pkcs1 := testkeys.OneLine(testkeys.PKCS8(key)), testkeys.OneLine(testkeys.PKCS1(key))
	r.write(t, "binary", string(testkeys.PKCS8(key)))
	r.write(t, "half", pkcs8[:800])
	r.write(t, "public-label", testkeys.PEM("PUBLIC KEY", testkeys.PKCS8(key)))
	r.write(t, "sign", signed(t, key, body+"\n"))

	files := []string{"merchant.key", "binary", "half", "public-label", pkcs8, pkcs1[100:]}
	var printed strings.Builder
	ask := func(args ...string) {
		got := r.caddy(t, args...)
		printed.WriteString(got.stdout + got.stderr)
	}
	for _, file := range files {
		ask("payermax-sign", "--private-key", file, "--body", "request.json")
		ask("payermax-sign", "--private-key", "merchant.key", "--body", file, "--json")
		ask("payermax-verify", "--private-key", file, "--body", "request.json", "--sign-file", "sign", "--explain")
		ask("payermax-verify", "--public-key", file, "--body", file, "--sign-file", "sign", "--json")
		ask("payermax-verify", "--public-key", "merchant.pub", "--body", file, "--sign-file", file, "--explain", "--other-key", file)
		ask("payermax-verify", "--public-key", "merchant.pub", "--body", "request.json", "--sign", file, "--explain")
		ask("payermax-convert", "--in", file, "--to", "public-base64")
		ask("payermax-convert", "--in", file, "--to", "public-pem", "--json")
		ask("payermax-convert", "--in", file, "--to", "pkcs8-pem", "--json")
		ask("payermax-convert", "--in", file, "--to", "der", "--out", "merchant.key")
	}
	ask("payermax-keygen", "--out", "new")
	ask("payermax-keygen", "--out", "json", "--json")
	ask("payermax-keygen", "--out", "secret", "--kubernetes-secret", "payermax-keys")
	ask("payermax-keygen", "--out", pkcs8)
	ask("payermax-keygen", "--kubernetes-secret", "a", "--manifest", pkcs8)
	ask("payermax-keygen", "--kubernetes-secret", pkcs8)
	ask("payermax-keygen", "--kubernetes-secret", "a", "--namespace", pkcs8)
	ask("payermax-convert", "--in", "merchant.key", "--to", "der", "--out", pkcs8)
	ask("payermax-convert", "--in", "merchant.key", "--to", pkcs8)
	ask("payermax-keygen", pkcs8)
	ask("payermax-health", "--url", pkcs8)
	ask("payermax-health", "--timeout", "1s", pkcs1)

	require.True(t, strings.Contains(printed.String(), "trailing-newline"), "something was explained")
	for _, name := range []string{"new.key", "json.key"} {
		requireNoPrivateKey(t, printed.String(), r.read(t, name))
	}
	requireNoPrivateKey(t, printed.String(), r.read(t, "merchant.key"))
	manifest := r.read(t, "secret-secret.yaml")
	testkeys.RequireSilent(t, printed.String(), manifest[strings.Index(manifest, "private.key: ")+len("private.key: "):], 12)
	require.False(t, strings.Contains(printed.String(), "canary-in-the-body"))
}

// requireNoPrivateKey checks that the output contains neither the text of a PEM file, nor
// its PKCS#1 part in base64, nor the numbers in it.
func requireNoPrivateKey(t *testing.T, printed, file string) {
	t.Helper()
	private := parsePrivate(t, file)
	printed = strings.Join(strings.Fields(printed), "")
	secrets := []string{
		secretPart(testkeys.OneLine(testkeys.PKCS8(private))),
		secretPart(testkeys.OneLine(testkeys.PKCS1(private))),
		private.D.String(), private.Primes[0].String(), private.Primes[1].String(),
	}
	for _, secret := range secrets {
		testkeys.RequireSilent(t, printed, secret, 12)
	}
}

// secretPart omits the beginning of a key's encoding, which contains the public modulus.
func secretPart(text string) string { return text[len(text)/3:] }
