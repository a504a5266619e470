package signer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// The programs that convert keys cannot read them inside what env files, YAML and editors
// put around them. No error recommends a program that would fail.
func TestCommandsOnlyForTextsAsWritten(t *testing.T) {
	t.Parallel()
	dressings := map[string]func(string) string{
		"as written":         func(s string) string { return s },
		"Windows":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"text before":        func(s string) string { return "Bag Attributes\n    localKeyID: 01\n" + s },
		"trailing blanks":    func(s string) string { return strings.ReplaceAll(s, "\n", " \n") },
		"indented":           func(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") },
		"quotes":             func(s string) string { return "'" + s + "'" },
		"env file":           func(s string) string { return "KEY=\"" + strings.TrimSpace(s) + "\"\n" },
		"line breaks as \\n": func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
		"old Mac":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
		"one line":           func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
		"zero-width space":   func(s string) string { return "\u200b" + s },
		"HTML":               strings.NewReplacer("-----", "&#45;&#45;&#45;&#45;&#45;", "\n", "<br>\n").Replace,
		"quoted in a mail":   func(s string) string { return "> " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n> ") },
		"JSON":               func(s string) string { text, _ := json.Marshal(s); return `{"key":` + string(text) + `}` },
	}
	key := testkeys.Merchant()
	putty := "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: \nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 00ff\n"
	for name, test := range map[string]struct {
		text  string
		want  role
		reads []string // the dressings in which the program can read the key
	}{
		"encrypted":           {testkeys.PEM("ENCRYPTED PRIVATE KEY", testkeys.PKCS8(key)[:300]), privateKey, []string{"Windows", "text before", "trailing blanks"}},
		"encrypted, legacy":   {strings.Replace(testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1), privateKey, []string{"Windows", "text before", "trailing blanks"}},
		"OpenSSH":             {openSSH("ssh-rsa"), privateKey, nil},
		"PuTTY":               {putty, privateKey, []string{"Windows"}},
		"key and public key":  {testkeys.PrivatePEM(key) + testkeys.PublicPEM(&key.PublicKey), privateKey, []string{"Windows", "text before", "trailing blanks"}},
		"labelled something":  {testkeys.PEM("PAYERMAX THING", testkeys.PKCS8(key)), privateKey, []string{"Windows", "text before", "trailing blanks", "indented", "quotes", "env file", "zero-width space", "quoted in a mail"}},
		"certificate":         {testkeys.PEM("CERTIFICATE", certificateDER(t)), publicKey, []string{"Windows", "text before", "trailing blanks"}},
		"certificate request": {testkeys.PEM("CERTIFICATE REQUEST", certificateDER(t)), publicKey, []string{"Windows", "text before", "trailing blanks"}},
		"OpenSSH, public":     {"ssh-rsa AAAAB3NzaC1yc2E payermax\n", publicKey, []string{"Windows", "trailing blanks", "line breaks as \\n", "old Mac", "one line", "HTML"}},
		"RFC 4716":            {"---- BEGIN SSH2 PUBLIC KEY ----\nComment: payermax\nAAAAB3NzaC1yc2E\n---- END SSH2 PUBLIC KEY ----\n", publicKey, []string{"Windows"}},
	} {
		for dressing, dress := range dressings {
			t.Run(name+", "+dressing, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "the.key")
				require.NoError(t, os.WriteFile(path, []byte(dress(test.text)), 0o600))
				read := func(path string) error { _, err := ReadPrivateKeyFile(path); return err }
				if test.want == publicKey {
					read = func(path string) error { _, err := ReadPublicKeyFile(path); return err }
				}
				err := read(path)
				if err == nil { // such as the only private key in a JSON document
					return
				}
				if dressing != "as written" && !slices.Contains(test.reads, dressing) {
					assert.NotContains(t, err.Error(), "with: ")
					return
				}
				assert.Contains(t, err.Error(), "with: ")
				assert.Contains(t, err.Error(), " instead")
			})
		}
	}
}
