package signer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
)

// These errors are for texts that take the place of a key but are not a key in any form.
var (
	errPointer   = errors.New("it is a pointer of Git LFS to the file; fetch the file with: git lfs pull")
	errEncrypted = errors.New("it is still encrypted, by Ansible, age, GnuPG, OpenSSL or SOPS; decrypt it before it reaches the sidecar")
	errMarkup    = errors.New("it is XML or HTML, perhaps an error page; it must contain the key in PEM or in one-line base64")
	errRTF       = errors.New("it is a document of a word processor (RTF), not plain text; save the key as plain text: in TextEdit with Make Plain Text, in Word and WordPad as Text Document")
	errVariable  = errors.New("it is a variable that was not expanded; it must contain the key in PEM or in one-line base64")
	errNoValue   = errors.New("it is what a program writes for a missing value; it must contain the key in PEM or in one-line base64")
	errPlace     = errors.New("it says where the key is, but must contain the key itself, in PEM or in one-line base64; name that file instead, or put its contents here")
)

// standIns has the patterns by which such texts are recognised, with their errors.
var standIns = []struct {
	pattern *regexp.Regexp
	err     error
}{
	{regexp.MustCompile(`^version https://git-lfs`), errPointer},
	{regexp.MustCompile(`^(\$ANSIBLE_VAULT;|age-encryption\.org/|ENC\[|U2FsdGVkX1)`), errEncrypted},
	{regexp.MustCompile(`^(?i:<nil>|<no value>|null|nil|none|undefined)$`), errNoValue},
	{regexp.MustCompile(`^<[A-Za-z!?]`), errMarkup},
	{regexp.MustCompile(`^(\$\{[^}]*\}|\$\{\{.*\}\}|\$\([^)]*\)|\$\w+|%\w+%|\{\{.*\}\}|\{\$\w+\}|\{(env|file)\.[^{}]+\})$`), errVariable},
	{regexp.MustCompile(`^([a-z][a-z0-9+.-]*:/?/?|~?/|\.\.?/)[A-Za-z0-9._/#-]{1,200}$`), errPlace},
	{regexp.MustCompile(`^(@/|[A-Za-z]:\\|arn:)[A-Za-z0-9 ._/\\:-]{1,200}$`), errPlace},
}

// refuseStandIn refuses a text that takes the place of a key, and returns nil for all
// other texts.
func refuseStandIn(text []byte) error {
	for _, known := range standIns {
		if known.pattern.Match(text) {
			return known.err
		}
	}
	return nil
}

var (
	// longBase64 matches more consecutive base64 than anything but a key has.
	longBase64 = regexp.MustCompile(`[A-Za-z0-9+/]{200}|MI[A-Za-z0-9+/]{60}`)
	// onlyBase64 matches a text that consists only of base64, standard or URL-safe.
	onlyBase64 = regexp.MustCompile(`^[A-Za-z0-9+/_\s-]+=*$`)
	// hexadecimal matches bytes in hexadecimal, with or without colons, as OpenSSL prints
	// them.
	hexadecimal = regexp.MustCompile(`^(0[xX])?([0-9A-Fa-f]{2}[:\s]*){100,}$`)
	// percentEncoded matches a text with one of those characters of a key that URLs and forms
	// encode. The text must be ASCII: binary data may contain the same three bytes by chance.
	percentEncoded = regexp.MustCompile(`^[\s!-~]*%(2[BbFf]|3[Dd]|0[AaDd]|20)[\s!-~]*$`)
	// begins matches what is left of a damaged BEGIN line.
	begins = regexp.MustCompile(`(?i)BEGIN[^A-Za-z]+([A-Z0-9]+[^A-Za-z]+)?(PRIVATE|PUBLIC)[^A-Za-z]+KEY`)
)

// refuseText refuses a text that is neither PEM nor base64, and says what it is. The
// commands in its errors work on asFound, the text before invisible characters and
// comments were removed.
func refuseText(text, asFound []byte, want role) error {
	switch {
	case hexadecimal.Match(text):
		return refuseHex(text, asFound, want)
	case percentEncoded.Match(text):
		return errPercent
	case begins.Match(text):
		return errHeads
	case longBase64.Match(text) && onlyBase64.Match(text):
		return errNoDER
	case longBase64.Match(text):
		return errAmong
	}
	return errNotAKey
}

// refuseHex refuses hexadecimal. The error depends on what it encodes.
func refuseHex(text, asFound []byte, want role) error {
	digits := strings.NewReplacer(":", "", "0x", "", "0X", "").Replace(string(bytes.Join(bytes.Fields(text), nil)))
	decoded, _ := hex.DecodeString(digits) // the text consists of pairs of digits
	defer clear(decoded)
	decode := decodeHex(asFound)
	if !isDER(decoded) {
		inside, other := insideOf(decoded, want)
		switch {
		case other != nil:
			return other
		case inside == "":
			return errNotAKey
		case decode == "":
			return errors.New("it is hexadecimal of " + inside + "; " + digitsFirst)
		}
		return errors.New("it is hexadecimal of " + inside + "; convert it with: " + Privately(decode+" > FILE.decoded"))
	}
	found, err := identify(decoded)
	switch {
	case err == nil && !found.form.fits(want):
		return refusalAfter(decode, digitsFirst, found.form, want)
	case decode == "":
		return errors.New("it is hexadecimal, not a key in PEM or base64; " + digitsFirst)
	}
	toPEM := "openssl pkey -inform DER -in FILE.der -out FILE.pem"
	if want == publicKey {
		toPEM = "openssl pkey -pubin -inform DER -in FILE.der -out FILE.pem"
	}
	return errors.New("it is hexadecimal, not a key in PEM or base64; convert it with: " + Privately(decode+" > FILE.der") + " and then: " + toPEM)
}
