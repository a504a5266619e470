package kms

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const canary = "canary-0815"

func TestCaddyfile(t *testing.T) {
	for input, want := range map[string]string{
		"aws awskms:key-id=1": `{"uri":"awskms:key-id=1"}`,
		"aws awskms:key-id=1 {\n timeout 3s\n max_in_flight 4\n}":   `{"uri":"awskms:key-id=1","timeout":3000000000,"max_in_flight":4}`,
		"pkcs11 pkcs11:token=a;object=b?pin-value={env.PIN} {\n}":   `{"uri":"pkcs11:token=a;object=b?pin-value={env.PIN}"}`,
		"gcp cloudkms:projects/p {\n max_in_flight 1\n}":            `{"uri":"cloudkms:projects/p","max_in_flight":1}`,
		"azure azurekms:vault=v;name=n;version=1 {\n timeout 1m\n}": `{"uri":"azurekms:vault=v;name=n;version=1","timeout":60000000000}`,
	} {
		_, config, err := adaptSource(input)
		if assert.NoError(t, err, input) {
			assert.JSONEq(t, want, string(config))
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for _, source := range []string{"pkcs11", "aws", "gcp", "azure"} {
		for input, want := range map[string]string{
			"":                                              "too few or too many values",
			" uri other":                                    "too few or too many values",
			" uri {\n timeout\n}":                           "timeout must have one value",
			" uri {\n timeout 1s 2s\n}":                     "timeout must have one value",
			" uri {\n timeout soon\n}":                      `timeout must be a duration from 1ms to 5m, such as 2s, but is "soon"`,
			" uri {\n timeout 0s\n}":                        `timeout must be a duration from 1ms to 5m, such as 2s, but is "0s"`,
			" uri {\n timeout -1s\n}":                       `timeout must be a duration from 1ms to 5m, such as 2s, but is "-1s"`,
			" uri {\n max_in_flight 0\n}":                   `max_in_flight must be a number such as 8, but is "0"`,
			" uri {\n max_in_flight 8x\n}":                  `max_in_flight must be a number such as 8, but is "8x"`,
			" uri {\n timeout 1s\n timeout 1s\n}":           "timeout is already set",
			" uri {\n max_in_flight 1\n max_in_flight 1\n}": "max_in_flight is already set",
			" uri {\n pin 1234\n}":                          "unrecognized subdirective pin",
		} {
			_, _, err := adaptSource(source + input)
			if assert.Error(t, err, source+input) {
				assert.Contains(t, err.Error(), want)
			}
		}
	}
}

func TestProvisionErrors(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_CANARY", canary)
	t.Setenv("PAYERMAX_TEST_URI", "pkcs11:token=a;object=b;"+canary+"=1?pin-value="+canary)
	t.Setenv("PAYERMAX_TEST_JUNK", canary)
	inputs := map[string]string{
		"aws http://x":                                                   "uri must be a URI that begins with awskms:, such as awskms:key-id=",
		"aws awskms:region=eu-central-1":                                 "uri needs key-id, such as awskms:key-id=",
		"aws awskms:key-id=alias/PayerMax":                               "must be in lower case",
		"aws awskms:key-id=1;key-id=2":                                   "uri has key-id twice",
		"aws awskms:key-id=1?key-id=2":                                   "uri has key-id twice",
		"aws awskms:key-id=":                                             "empty key-id",
		"aws awskms:key-id=1;endpoint=x":                                 `uri has the attribute "endpoint", which is not supported; expected key-id, region, profile, credentials-file`,
		"aws awskms:key-id={env.PAYERMAX_TEST_MISSING}":                  "expanding key-id in uri: evaluated placeholder {env.PAYERMAX_TEST_MISSING} is empty",
		"aws {env.PAYERMAX_TEST_MISSING}":                                "expanding uri: evaluated placeholder {env.PAYERMAX_TEST_MISSING} is empty",
		"aws {env.PAYERMAX_TEST_JUNK}":                                   "uri must be a URI that begins with awskms:",
		"gcp cloudkms:projects/p":                                        "uri must name one version of a key",
		"gcp cloudkms:credentials-file=/x":                               "uri needs resource",
		"azure azurekms:vault=shop;name=n":                               "uri needs version",
		"azure azurekms:vault=evil.example/;name=n;version=1":            "must be the name of a key vault",
		"azure azurekms:vault=shop;name=n;version=1;client-id=" + canary: "tenant-id, client-id and client-secret together",
		"azure azurekms:vault=shop;name=n;version=1;tenant-id=t;client-id=i;client-secret=" + canary:      "uri must not contain the client-secret itself, which every reader of the config would see; write a placeholder such as client-secret={file./run/secrets/payermax/client-secret}",
		"azure azurekms:vault=shop;name=n;version=1;tenant-id=t;client-secret={env.PAYERMAX_TEST_CANARY}": "tenant-id, client-id and client-secret together",
	}
	if pkcs11Supported {
		for uri, want := range map[string]string{
			"pkcs11:object=b":                                            "uri needs token, serial or slot-id",
			"pkcs11:token=a;serial=1;object=b":                           "only one of token, serial and slot-id",
			"pkcs11:token=a":                                             "uri needs object or id",
			"pkcs11:token=a;object=b?pin-value=" + canary:                "uri must not contain the pin-value itself",
			"pkcs11:token=a;object=b?pin-value=x{env.HOME}" + canary:     "uri must not contain the pin-value itself",
			"pkcs11:token=a;object=b;pin-prompt=yes":                     `the attribute "pin-prompt", which is not supported`,
			"pkcs11:token=a;object=b;max-sessions=9":                     `the attribute "max-sessions", which is not supported`,
			"pkcs11:token=a;object=b?pin-source=/p&pin-value={env.PATH}": "only one of pin-source and pin-value",
			"{env.PAYERMAX_TEST_URI}":                                    "uri has an attribute that is not supported; expected token",
		} {
			inputs["pkcs11 "+uri] = want
		}
	}
	for input, want := range inputs {
		t.Run(input, func(t *testing.T) {
			_, _, err := loadSource(t, input)
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), canary)
		})
	}
}

func TestLimitsFromJSON(t *testing.T) {
	assert.ErrorContains(t, Limits{Timeout: -1}.validate(), "timeout must be a duration from 1ms to 5m, but is -1ns")
	assert.ErrorContains(t, Limits{MaxInFlight: -1}.validate(), "max_in_flight must be positive")
	assert.ErrorContains(t, new(AWS).Provision(caddy.Context{}), "uri is required, such as awskms:")
}
