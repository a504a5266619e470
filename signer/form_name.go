package signer

import (
	"bytes"
	"strings"
)

// structures names the ASN.1 structures of the accepted forms.
var structures = map[form]string{pkcs8: "PKCS#8", pkcs1Private: "PKCS#1", spki: "SPKI", pkcs1Public: "PKCS#1"}

// FormOfFile describes in words the form of the key in a file, such as "PEM (PKCS#8)" or
// "one-line base64 (SPKI)". It is for people who are looking for a mistake, after the key
// has been read. It returns "form unknown" if the file cannot be read as a key.
func FormOfFile(path string) string {
	text, err := ReadKeyText(path)
	if err != nil {
		return "form unknown"
	}
	return formName(text)
}

// formName describes in words the form of a key text.
func formName(text []byte) string {
	found := acceptedForm(text)
	structure, isAccepted := structures[found]
	isPEM := bytes.Contains(text, []byte("-----BEGIN "))
	switch {
	case !isAccepted:
		return "form unknown"
	case isPEM && found == pkcs8 && bytes.Contains(text, []byte("-----BEGIN RSA ")):
		return "PEM (PKCS#8 under the label of PKCS#1, as PayerMax's PHP SDK writes it)"
	case isPEM:
		return "PEM (" + structure + ")"
	case len(strings.Fields(strings.TrimPrefix(string(text), "\ufeff"))) > 1:
		return "base64 without PEM armour (" + structure + ")"
	}
	return "one-line base64 (" + structure + ")"
}

// acceptedForm returns the form of the key in a text, or unknown if no key can be read
// from the text.
func acceptedForm(text []byte) form {
	for _, want := range []role{privateKey, publicKey} {
		der, err := keyDER(text, want)
		if err != nil {
			continue
		}
		found, err := identify(der)
		clear(der)
		if err == nil {
			return found.form
		}
	}
	return unknown
}
