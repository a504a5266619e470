package payermax

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
)

func TestSuggest(t *testing.T) {
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
		assert.Equal(t, want, suggest(name, handlerOptions), name)
	}
}

// The lists of names are those that the parsers know: each is recognised.
func TestOptionNames(t *testing.T) {
	handler := func(d *caddyfile.Dispenser) error { return new(Handler).UnmarshalCaddyfile(d) }
	notify := func(d *caddyfile.Dispenser) error { return new(Notify).UnmarshalCaddyfile(d) }
	sandbox := func(d *caddyfile.Dispenser) error { return new(Sandbox).UnmarshalCaddyfile(d) }
	for _, test := range []struct {
		config string // up to the name of the option
		names  []string
		parse  func(d *caddyfile.Dispenser) error
	}{
		{"payermax_sign {\n", handlerOptions, handler},
		{"payermax_sign {\nmerchant 1 {\n", merchantOptions, handler},
		{"payermax_sign {\ncontract {\n", contractOptions, handler},
		{"payermax_sign {\nlimits {\n", limitsOptions, handler},
		{"payermax_sign {\nlimits {\ncaller a {\n", callerOptions, handler},
		{"payermax_notify {\n", notifyOptions, notify},
		{"payermax_sandbox {\n", sandboxOptions, sandbox},
		{"payermax_sandbox {\nmerchant {\n", sandboxMerchantOptions, sandbox},
	} {
		for _, name := range append([]string{"weather"}, test.names...) {
			// Without a value, a known option has another error, if any.
			err := test.parse(caddyfile.NewTestDispenser(test.config + name + "\n}\n}\n}\n"))
			if name == "weather" {
				assert.ErrorContains(t, err, "unrecognized option weather", test.config)
			} else if err != nil {
				assert.NotContains(t, err.Error(), "unrecognized", "%s%s", test.config, name)
			}
		}
	}
}
