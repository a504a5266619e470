package signer

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// UTF-16 is recognised by its byte order mark, or by a NUL byte beside each of the first
// two letters. Other texts with NUL bytes are binary or damaged.
func TestIsUTF16(t *testing.T) {
	for text, is := range map[string]bool{
		"\xff\xfeA\x00":    true,
		"\xfe\xff\x00A":    true,
		"\x00\x00\xfe\xff": true, // UTF-32
		"\x00A\x00B":       true,
		"A\x00B\x00":       true,
		"\x00A\x00":        false,
		"A\x00B":           false,
		"ABCD":             false,
		"AB\x00D":          false,
		"ABC\x00":          false,
		"A\x00CD":          false,
		"A\x00\x00\x00":    false,
		"\x00BCD":          false,
		"\x00\x00\x00D":    false,
		"\x00\x00C\x00":    false,
		"\x00B\x00\x00":    false,
	} {
		assert.Equal(t, is, isUTF16([]byte(text)), "%q", text)
	}
}

// DER is recognised by a SEQUENCE of 128 bytes or more, because no text begins like that.
func TestIsDER(t *testing.T) {
	for text, is := range map[string]bool{
		"0\x80": true, "0\x82\x04": true, "0\x7f": false, "1\x82": false, "0": false, "": false,
	} {
		assert.Equal(t, is, isDER([]byte(text)), "%q", text)
	}
}

// The error about several PEM blocks recommends OpenSSL if exactly one of them is a
// private key.
func TestSeveralBlocks(t *testing.T) {
	private, public := testkeys.PrivatePEM(testkeys.Merchant()), testkeys.PublicPEM(&testkeys.Merchant().PublicKey)
	for name, test := range map[string]struct {
		text    string
		want    role
		command bool
	}{
		"one private key":                {private + public, privateKey, true},
		"one private key, of three":      {public + private + public, privateKey, true},
		"two private keys":               {private + private, privateKey, false},
		"a public key is wanted":         {private + public, publicKey, false},
		"two public keys, and no other":  {public + public, publicKey, false},
		"no private key is among public": {public + public, privateKey, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keyDER([]byte(test.text), test.want)
			assert.ErrorContains(t, err, "PEM blocks, so it does not say which key is meant")
			assert.Equal(t, test.command, len(remedies(t, err)) > 0)
		})
	}
}

// The command that converts a text names its byte order if the text has no byte order
// mark. Otherwise, iconv would assume the byte order of the machine.
func TestRefuseUnicode(t *testing.T) {
	for text, command := range map[string]string{
		"A\x00B\x00":                       "iconv -f UTF-16LE -t",
		"\x00A\x00B":                       "iconv -f UTF-16BE -t",
		"\xff\xfeA\x00":                    "iconv -f UTF-16 -t",
		"\xfe\xff\x00A":                    "iconv -f UTF-16 -t",
		"\xff\xfe\x00\x00A\x00\x00\x00":    "iconv -f UTF-32 -t",
		"\x00\x00\xfe\xff\x00\x00\x00\x41": "iconv -f UTF-32 -t",
	} {
		assert.ErrorContains(t, refuseUnicode([]byte(text)), command, "%q", text)
	}
}
