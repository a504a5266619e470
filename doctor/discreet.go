package doctor

import (
	"strings"
	"unicode"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// withheld stands for a text that might quote a secret.
const withheld = "the reason is not shown, because it quotes something that looks like a key"

// Discreet withholds a text of somebody else's if it might quote a key, because
// somebody has written the key where something else belongs. Texts of this
// module's own need no such look: they are made so that they cannot.
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

// isBase64 reports whether a character is one of base64 in either alphabet. The
// slash is left out, so that long paths are not taken for keys; whole keys are long
// enough without it.
func isBase64(char rune) bool {
	return char < unicode.MaxASCII && (unicode.IsLetter(char) || unicode.IsDigit(char) || strings.ContainsRune("+=_-", char))
}

// looksLikeKey reports whether a word could be a piece of a key's base64: longer
// than words are, and beginning as any DER does, or with capitals and small
// letters all mixed up. The fingerprint of a key has no capitals, and the name of
// a temporary directory is less mixed.
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

// kindOf tells small letters, capitals and everything else apart.
func kindOf(char byte) int {
	switch {
	case 'a' <= char && char <= 'z':
		return 0
	case 'A' <= char && char <= 'Z':
		return 1
	}
	return 2
}
