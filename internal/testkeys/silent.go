package testkeys

import (
	"strings"
	"testing"
)

// RequireSilent fails the test if a text contains any part of a secret that is window
// bytes long.
func RequireSilent(t testing.TB, text, secret string, window int) {
	t.Helper()
	for i := 0; i+window <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+window]) {
			t.Fatalf("it repeats bytes %d to %d of what must not be repeated", i, i+window)
		}
	}
}
