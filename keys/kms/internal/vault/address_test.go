package vault

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"https://vault.example.com:8200":  "https://vault.example.com:8200",
		"https://vault.example.com:8200/": "https://vault.example.com:8200",
		"https://example.com/vault/":      "https://example.com/vault",
		"http://127.0.0.1:8200":           "http://127.0.0.1:8200",
		"http://[::1]:8200":               "http://[::1]:8200",
		"http://localhost:8200":           "http://localhost:8200",
	} {
		t.Run(text, func(t *testing.T) {
			address, err := ParseAddress(text)
			require.NoError(t, err)
			assert.Equal(t, want, address.String())
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "must be a URL such as https://host:8200",
		"vault.example.com":              "must be a URL such as https://host:8200",
		"vault.example.com:8200":         "must be a URL such as https://host:8200",
		"unix:///run/vault.sock":         "must be a URL such as https://host:8200",
		"ftp://vault.example.com":        "must be a URL such as https://host:8200",
		"https://":                       "must be a URL such as https://host:8200",
		"https://vault:CANARY:1":         "is not a URL",
		"https://user:CANARY@host:8200":  "contains credentials",
		"https://host:8200?token=CANARY": "must not have a query",
		"https://host:8200#CANARY":       "must not have a query",
		"http://vault.example.com:8200":  "in plain text; use https",
		"http://10.0.0.1:8200":           "in plain text; use https",
		"http://localhost.example.com":   "in plain text; use https",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ParseAddress(text)
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"payermax", "a", "pay-er_max.2", "PayerMax"} {
		assert.NoError(t, CheckKeyName(name), name)
		assert.NoError(t, CheckMount(name), name)
	}
	assert.NoError(t, CheckMount("teams/payments/transit"))
	assert.NoError(t, CheckNamespace("admin/team-a/"))

	for _, name := range []string{"", "a/b", "..", "-a", "a.", "a b", "a?b", "a#b", "a%2fb", "a\n"} {
		assert.Error(t, CheckKeyName(name), name)
	}
	for _, path := range []string{"", "/transit", "transit/", "a//b", "a/../b", "..", "a?b", "a b", "a%2fb"} {
		assert.Error(t, CheckMount(path), path)
	}
	for _, path := range []string{"", "a b", "a\r\nX-Other: 1", "ä"} {
		assert.Error(t, CheckNamespace(path), path)
	}
}

// An environment variable must not decide who sees the token. (A test with a proxy would
// not work, because net/http reads the environment only once.)
func TestTransportIgnoresTheEnvironment(t *testing.T) {
	assert.Nil(t, newTransport(Options{}).Proxy)
}
