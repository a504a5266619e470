package signer

import (
	"bytes"
	"encoding/json"
	"regexp"
)

// keyMaterial is what a string has in it that is a key or a part of one, in any form: a line
// of PEM's armour, or more base64 or hexadecimal than digests and identifiers have.
var keyMaterial = regexp.MustCompile(`-----|[A-Za-z0-9+/_-]{100}|(?:[A-Za-z0-9+/_-]{40,}\s+){3}`)

// derInJSON returns the key that one of the strings in a JSON document is, as secret
// stores and cloud consoles wrap keys, with whatever else they say about it. It returns nil
// if the text is no such document, or has anything else in it that may be a key: another
// one, half of one, or one in a form that is not read.
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
// wanted, or the other way round: it often stands beside it.
func isOtherHalf(der []byte, err error, want role) bool {
	if err != nil {
		return err.Error() == isPublic || err.Error() == isPrivate
	}
	return !fits(der, want) && (fits(der, publicKey) || fits(der, privateKey))
}
