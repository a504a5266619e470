package signer

import (
	"bytes"
	"encoding/json"
	"regexp"
)

// keyMaterial matches strings that may contain a key or part of one, in any form: a line of
// PEM's armour, or more base64 or hexadecimal than digests and identifiers have.
var keyMaterial = regexp.MustCompile(`-----|[A-Za-z0-9+/_-]{100}|(?:[A-Za-z0-9+/_-]{40,}\s+){3}`)

// derInJSON returns the DER of the key in one of the strings of a JSON document. Secret
// stores and cloud consoles wrap keys like this, together with other data. It returns nil
// if the text is not JSON or has no such string, or if it has anything else that may be a
// key: another key, part of one, or one in a form that is not accepted. The other half of a
// key pair is allowed.
func derInJSON(text []byte, want role) []byte {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !json.Valid(text) {
		return nil
	}
	var found []byte
	for tokens := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := tokens.Token()
		if err != nil { // the end
			return found
		}
		value, isString := token.(string)
		if !isString || !keyMaterial.MatchString(value) {
			continue
		}
		der, err := keyDER([]byte(value), want)
		switch {
		case isOtherHalf(der, err, want):
		case err != nil || !fits(der, want) || found != nil && !bytes.Equal(found, der):
			return nil
		default:
			found = der
		}
	}
}

// fits reports whether DER is a key for the role.
func fits(der []byte, want role) bool {
	kind, err := identify(der)
	return err == nil && kind.form.fits(want)
}

// isOtherHalf reports whether the result of keyDER is the public key where the private one is
// wanted, or vice versa. JSON documents often have both.
func isOtherHalf(der []byte, err error, want role) bool {
	if err != nil {
		return err.Error() == isPublic || err.Error() == isPrivate
	}
	return !fits(der, want) && (fits(der, publicKey) || fits(der, privateKey))
}
