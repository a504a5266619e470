package doctor

import (
	"strings"
	"unicode"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// withheld replaces a text that might quote a secret.
const withheld = "the reason is not shown, because it quotes something that looks like a key"

// Discreet replaces a text from outside this module if it might quote a key, which
// happens when a key is written where something else belongs. This module's own texts
// need no check: they never quote secrets.
func Discreet(text string) string {
	if strings.Contains(text, "-----BEGIN") || strings.Contains(text, "-----END") {
		return withheld
	}
	for _, word := range strings.FieldsFunc(text, func(char rune) bool { return !isBase64(char) }) {
		if looksLikeKey(word) {
			return withheld
		}
	}
	for _, line := range strings.FieldsFunc(text, func(char rune) bool { return char != '/' && (char == '-' || char == '_' || !isBase64(char)) }) {
		if signer.LooksLikeKey(strings.TrimLeft(line, "/")) { // whose slashes leave words that are too short to tell
			return withheld
		}
	}
	return text
}

// isBase64 reports whether a character belongs to either base64 alphabet, except for the
// slash, so that long paths are not taken for keys; keys are long enough without it.
func isBase64(char rune) bool {
	return char < unicode.MaxASCII && (unicode.IsLetter(char) || unicode.IsDigit(char) || strings.ContainsRune("+=_-", char))
}

// looksLikeKey reports whether a word could be part of a key's base64: it is longer than
// ordinary words, and begins like DER or mixes upper and lower case throughout. The
// fingerprint of a key has no upper case, and the name of a temporary directory is less
// mixed.
func looksLikeKey(word string) bool {
	const long = 24
	switch {
	case len(word) < long:
		return false
	case strings.HasPrefix(word, "MII"):
		return true
	case strings.ToLower(word) == word, strings.ToUpper(word) == word:
		return false
	}
	changes := 0
	for i := 1; i < len(word); i++ {
		if kindOf(word[i]) != kindOf(word[i-1]) {
			changes++
		}
	}
	return changes*3 >= len(word)
}

// kindOf classifies a character: lower case, upper case, or anything else.
func kindOf(char byte) int {
	switch {
	case 'a' <= char && char <= 'z':
		return 0
	case 'A' <= char && char <= 'Z':
		return 1
	}
	return 2
}
