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
		"weather":             "",
		"lb_policy":           "",
		"x":                   "",
	} {
		assert.Equal(t, want, Suggest(name, known), name)
	}
}
