package doctor

import (
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// formOf says which of the accepted forms a key file has. The signer has read the
// key already, so this looks at it without suspicion, and says less where it does
// not understand.
func formOf(path string) string {
	text, err := signer.ReadKeyText(path)
	if err != nil {
		return "form unknown"
	}
	return describeForm(string(text))
}

// describeForm says which of the accepted forms the text of a key has.
func describeForm(text string) string {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	_, armoured, isPEM := strings.Cut(text, "-----BEGIN ")
	if !isPEM {
		form := "one-line base64"
		if len(strings.Fields(text)) > 1 {
			form = "base64 without PEM armour"
		}
		return withStructure(form, structureOf(text))
	}
	label, inside, _ := strings.Cut(armoured, "-----")
	inside, _, _ = strings.Cut(inside, "-----END")
	structure := structureOf(withoutHeaders(inside))
	if structure == "PKCS#8" && strings.HasPrefix(label, "RSA ") {
		return "PEM (PKCS#8 under the label of PKCS#1, as PayerMax's PHP SDK writes it)"
	}
	return withStructure("PEM", structure)
}

func withStructure(form, structure string) string {
	if structure == "" {
		return form
	}
	return form + " (" + structure + ")"
}

// withoutHeaders removes the header lines (RFC 1421) that may precede the base64
// of a PEM block.
func withoutHeaders(inside string) string {
	var kept strings.Builder
	for line := range strings.Lines(inside) {
		if !strings.Contains(line, ":") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// structureOf names the ASN.1 structure that base64 stands for, or returns "".
func structureOf(encoded string) string {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return ""
	}
	defer clear(der)
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return "PKCS#8"
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return "PKCS#1"
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return "SPKI"
	}
	if _, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return "PKCS#1"
	}
	return ""
}
