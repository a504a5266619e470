package grammar

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSuggest(t *testing.T) {
	known := []string{
		"merchant", "endpoints", "version", "validation", "limits", "max_body_size", "timeout",
		"app_id", "merchant_no", "private_key", "key", "gateway_public_key", "key_version",
	}
	for name, want := range map[string]string{
		"appid":               "app_id",
		"app-id":              "app_id",
		"APP_ID":              "app_id",
		"appID":               "app_id",
		"merchantNo":          "merchant_no",
		"privat_key":          "private_key",
		"private-key":         "private_key",
		"gateway_public_keys": "gateway_public_key",
		"endpoint":            "endpoints",
		"time_out":            "timeout",
		"key-version":         "key_version",
		"limit":               "limits",
		"maxbodysize":         "max_body_size",
		"valid":               "validation",
		"body_size":           "max_body_size",
		"public_key":          "gateway_public_key",
		"merchant_":           "merchant",
		"me":                  "",
		"weather":             "",
		"lb_policy":           "",
		"x":                   "",
	} {
		assert.Equal(t, want, Suggest(name, known), name)
	}
}

// If several names contain the given part, all of them are suggested, unless they are many.
func TestSuggestAll(t *testing.T) {
	known := []string{"merchant_public_key", "gateway_public_key", "max_wait", "max_in_flight", "max_body_size", "max_amount"}
	for name, want := range map[string]string{
		"public_key": "merchant_public_key or gateway_public_key", "max": "", "amount": "max_amount", "max_wait_": "max_wait",
	} {
		assert.Equal(t, want, suggestAll(name, known), name)
	}
	assert.Empty(t, Suggest("public_key", known))
}

// Numbers with units are not secret.
func TestShown(t *testing.T) {
	for value, want := range map[string]string{
		"deep": `"deep"`, "20": `"20"`, "50/s": `"50/s"`, "-1.5 MB/min": `"-1.5 MB/min"`, "a=b": hidden, "a/b": hidden, "user:p@host": hidden, "5/s@host": hidden, "1/2": hidden,
	} {
		assert.Equal(t, want, Shown(value), value)
	}
}
