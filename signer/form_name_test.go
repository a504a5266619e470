package signer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// The name of a form consists of the armour and the structure inside.
func TestFormName(t *testing.T) {
	key := testkeys.Merchant()
	pkcs1, public := testkeys.PKCS1(key), &key.PublicKey
	wrapped := strings.TrimSuffix(strings.TrimPrefix(testkeys.PEM("X", testkeys.PKCS8(key)), "-----BEGIN X-----\n"), "-----END X-----\n")
	for want, text := range map[string]string{
		"PEM (PKCS#8)": testkeys.PrivatePEM(key),
		"PEM (PKCS#1)": testkeys.PEM("RSA PRIVATE KEY", pkcs1),
		"PEM (PKCS#8 under the label of PKCS#1, as PayerMax's PHP SDK writes it)": testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS8(key)),
		"one-line base64 (PKCS#8)":           testkeys.OneLine(testkeys.PKCS8(key)) + "\n",
		"one-line base64 (PKCS#1)":           "\ufeff" + testkeys.OneLine(pkcs1),
		"base64 without PEM armour (PKCS#8)": wrapped,
		"PEM (SPKI)":                         testkeys.PublicPEM(public),
		"one-line base64 (SPKI)":             testkeys.OneLine(testkeys.SPKI(public)),
		"form unknown":                       "nonsense",
	} {
		assert.Equal(t, want, formName([]byte(text)))
	}
	for name, text := range map[string]string{
		"explained": "Bag Attributes\n friendlyName: x\n" + testkeys.PrivatePEM(key),
		"headers":   strings.Replace(testkeys.PrivatePEM(key), "-----\n", "-----\nComment: x\n\n", 1),
		"CRLF":      strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\r\n"),
	} {
		assert.Equal(t, "PEM (PKCS#8)", formName([]byte(text)), name)
	}
	for name, text := range map[string]string{
		"nonsense in PEM": "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
		"cut short":       testkeys.OneLine(testkeys.PKCS8(key))[:1000],
		"binary":          string(testkeys.PKCS8(key)),
		"empty":           "",
	} {
		assert.Equal(t, "form unknown", formName([]byte(text)), name)
	}
	assert.Equal(t, "PEM (SPKI)", FormOfFile(testkeys.WritePublic(t, public)))
	assert.Equal(t, "form unknown", FormOfFile(t.TempDir()))
}
