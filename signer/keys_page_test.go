package signer

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onKeysPage has the words by which docs/keys.md names each form that is recognised.
var onKeysPage = map[form]string{
	pkcs8: "PKCS#8", pkcs1Private: "PKCS#1", spki: "SPKI", pkcs1Public: "PKCS#1",
	encryptedPrivate: "an encrypted key",
	ecPrivate:        "EC,", ecPublic: "EC,",
	edwardsPrivate: "Ed25519, Ed448", edwardsPublic: "Ed25519, Ed448",
	dsaPrivate: "DSA", dsaPublic: "DSA",
	pssPrivate: "PSS", pssPublic: "PSS",
	otherPrivate: "PayerMax uses nothing else", otherPublic: "PayerMax uses nothing else",
	opensshPrivate: "OpenSSH", opensshPublic: "OpenSSH", ssh2Public: "RFC 4716",
	certificate: "a certificate", certificateRequest: "a certificate request", pkcs7: "a PKCS#7 file", jwk: "JWK", jwkPublic: "JWK", dotNetXML: ".NET's XML", dotNetXMLPublic: ".NET's XML", putty: "PuTTY", pgp: "OpenPGP",
	pkcs12: "a PKCS#12 keystore", pkcs12Legacy: "a PKCS#12 keystore", javaKeystore: "a Java keystore", bks: "BKS", uber: "UBER",
}

// The page names each form that is accepted or refused, in the right section.
func TestKeysPageHasEachForm(t *testing.T) {
	page, err := os.ReadFile("../docs/keys.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n## Forms that are read\n")
	require.True(t, found)
	read, refused, found := strings.Cut(rest, "\n## Forms that are recognised and refused\n")
	require.True(t, found)
	refused, _, _ = strings.Cut(refused, "\n## ")

	for f := pkcs8; f <= javaKeystore; f++ {
		section := refused
		if f.fits(privateKey) || f.fits(publicKey) {
			section = read
		}
		require.NotEmpty(t, onKeysPage[f], "the form %d has no words", f)
		assert.Contains(t, section, onKeysPage[f])
	}
}
