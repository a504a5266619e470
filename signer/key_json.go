package signer

import (
	"bytes"
	"encoding/json"
)

// derInJSON returns the key that one of the strings in a JSON document is, as secret
// stores and cloud consoles wrap keys, with whatever else they say about it. It returns nil
// if the text is no such document, or has no key for the role, or different ones.
func derInJSON(text []byte, want role) []byte {
	var document any
	if json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), &document) != nil {
		return nil
	}
	var found []byte
	unique := eachString(document, func(value string) bool {
		der, err := keyDER([]byte(value), want)
		if err != nil {
			return true
		}
		if kind, err := identify(der); err != nil || !kind.form.fits(want) {
			return true
		}
		if found != nil {
			return bytes.Equal(found, der)
		}
		found = der
		return true
	})
	if !unique {
		return nil
	}
	return found
}

// eachString calls do with the strings in a JSON value, and stops if it returns false.
func eachString(value any, do func(string) bool) bool {
	switch value := value.(type) {
	case string:
		return do(value)
	case []any:
		for _, element := range value {
			if !eachString(element, do) {
				return false
			}
		}
	case map[string]any:
		for _, member := range value {
			if !eachString(member, do) {
				return false
			}
		}
	}
	return true
}
