package payermax

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/adapt")

// TestAdapt adapts each Caddyfile in testdata/adapt and compares the result with the text
// below the line of hyphens: JSON or an error. The name of a file whose Caddyfile is
// wrong begins with "wrong_".
func TestAdapt(t *testing.T) {
	paths, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	require.NoError(t, err)
	require.NotEmpty(t, paths)

	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".caddyfiletest")
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			caddyfile, want, _ := strings.Cut(string(file), "----------\n")

			got := adapt(t, caddyfile, strings.HasPrefix(name, "wrong_"))
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(caddyfile+"----------\n"+got+"\n"), 0o600))
				return
			}
			require.Equal(t, strings.TrimSpace(want), got)
		})
	}
}

// adapt returns the JSON that a Caddyfile adapts to, or the error if it is wrong.
func adapt(t *testing.T, caddyfile string, wrong bool) string {
	t.Helper()
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if wrong {
		require.Error(t, err)
		return err.Error()
	}
	require.NoError(t, err)
	require.Empty(t, warnings, "the example is not formatted as caddy fmt would")
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, config, "", "\t"))
	return indented.String()
}

// An option that expands no placeholder says what to write instead.
func TestPlaceholdersThatAreNotExpanded(t *testing.T) {
	for _, option := range []string{"gateway {env.X}", "gateway uat\ntimeout {env.X}", "gateway uat\nmax_body_size {env.X}", "gateway uat\nmax_in_flight {env.X}", "gateway uat\nmax_wait {env.X}"} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax {\n"+option+"\n}\n}"), nil)
		assert.ErrorContains(t, err, "write {$X} in the Caddyfile", option)
	}
	for _, h := range []*Handler{{Validation: "{env.X}"}, {Endpoints: []string{"drop_in", "{env.X}"}}} {
		h.Merchant = Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}
		assert.ErrorContains(t, testcaddy.Provision(t, h), "write {$X} in the Caddyfile")
	}
}

// An empty value, such as a quoted {$NAME} whose variable is not set, is an error. It is
// not treated as an option that was left out.
func TestEmptyValueIsAnError(t *testing.T) {
	for option, says := range map[string]string{
		`app_id ""`:                          "app_id is empty; set it, or leave it out",
		`merchant_no ""`:                     "merchant_no is empty",
		`sp_merchant_no ""`:                  "sp_merchant_no is empty",
		`merchant_public_key ""`:             "merchant_public_key is empty",
		`key_version ""`:                     "key_version is empty",
		`validation ""`:                      "validation is empty",
		`version ""`:                         "version of applyDropinSession is empty",
		`version refund ""`:                  "version of refund is empty",
		"limits {\ncaller_id \"\"\n}":        "caller_id is empty",
		`key file ""`:                        "the path of the key's file is empty; set it; if a value comes from {$NAME}, check that NAME is set",
		"next_key file \"\" {\n}":            "the path of the key's file is empty",
		"limits {\ncaller \"\" {\n}\n}":      "caller is empty",
		"merchant 100 {\nmatch {\n}\n}":      "match has no matcher",
		"merchant 100 {\nmatch {$NOBODY}\n}": "match has no matcher",
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax_sign {\n"+option+"\n}\n}"), nil)
		assert.ErrorContains(t, err, says, option)
	}
}

// An endpoint's name without a version is not taken for the version of another endpoint.
func TestVersionIsNotAnEndpoint(t *testing.T) {
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax_sign {\nversion refund\n}\n}"), nil)
	assert.ErrorContains(t, err, "version of refund: the version is missing")
}

// A block after an option that takes none is an error and not ignored: it may ask for an
// engine, or for a check of the key's file.
func TestBlocksWithoutEffect(t *testing.T) {
	for option, says := range map[string]string{
		"private_key a.key {\nengine batch\n}":                "private_key takes no block; write key file <path> instead, which may have one",
		"private_key a.key {\nrefuse_world_readable\n}":       "private_key takes no block",
		"next_private_key a.key {\nengine batch\n}":           "next_private_key takes no block; write next_key file <path> instead",
		"merchant 100 {\nprivate_key a {\nengine batch\n}\n}": "private_key takes no block",
		"max_wait 1s {\nengine batch\n}":                      "max_wait takes no block",
		"shadow {\nengine batch\n}":                           "shadow takes no block",
		"gateway uat {\nengine batch\n}":                      "gateway takes no block",
	} {
		if !strings.HasPrefix(option, "gateway") {
			option = "gateway uat\n" + option
		}
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax {\n"+option+"\n}\n}"), nil)
		assert.ErrorContains(t, err, says, option)
	}
}

// An error about an invalid gateway shows the value, and what was probably meant. It does
// not show a value that may contain a secret.
func TestInvalidGateways(t *testing.T) {
	for value, says := range map[string]string{
		"UAT":                           `but it is "UAT"; write uat`,
		"'uat'":                         `but it is "'uat'"; write uat`,
		`"uat "`:                        `but it is "uat "; write uat`,
		"\"uat\u00a0\"":                 `but it is "uat\u00a0"; write uat`,
		"produciton":                    `but it is "produciton"; did you mean production?`,
		"pay-gate-uat.payermax.com":     `but it is "pay-gate-uat.payermax.com"; write uat, which is that host`,
		"gateway.example.com":           `but it is "gateway.example.com"; write https:// before a host`,
		"live":                          `but it is "live", at`,
		"prod":                          `but it is "prod"; did you mean production?`,
		"= sandbox":                     "gateway: remove the =; a value follows the name after a space",
		"https://example.com:99999":     "the port must be a number from 1 to 65535",
		"https://example.com:0":         "the port must be a number from 1 to 65535",
		"https://[fe80::1%25eth0]":      "must not have an IPv6 zone",
		"https://pay-gate..example.com": `the host "pay-gate..example.com" has two dots in a row`,
		"https://[CANARY@host":          "expected uat, production, sandbox or a URL such as https://host, at",
		"https:":                        `but it is "https:"`,
		"user:CANARY@host":              "expected uat, production, sandbox or a URL such as https://host, at",
		"https://user:CANARY@host":      "the URL must not contain a user or a password",
		"host/?token=CANARY":            "expected uat, production, sandbox or a URL such as https://host, at",
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax {\ngateway "+value+"\n}\n}"), nil)
		assert.ErrorContains(t, err, says, value)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

// Nothing else may set the header fields that the sidecar sets itself. The Host header may be
// set to the host of a gateway.
func TestHeaderFieldsOfTheSidecar(t *testing.T) {
	const (
		host     = "header_up has no place here for the Host header, which is the gateway's; it may only be set to "
		uatAlone = host + "pay-gate-uat.payermax.com, at"
		anyOwn   = host + "tunnel.example:8443 or pay-gate.payermax.com or pay-gate-uat.payermax.com, at"
		answer   = " has no place here: the sidecar sets that field of each answer"
	)
	for _, test := range []struct{ gateway, option, says string }{
		{"uat", "header_up Host evil.example", uatAlone},
		{"uat", "header_up host evil.example", uatAlone},
		{"uat", "header_up Host: evil.example", uatAlone},
		{"uat", "header_up Host pay-gate.payermax.com", uatAlone},
		{"uat", "header_up +Host pay-gate-uat.payermax.com", uatAlone},
		{"uat", "header_up -Host", uatAlone},
		{"uat", "header_up -H*", uatAlone},
		{"uat", "header_up -*", uatAlone},
		{"uat", "header_up ?Host pay-gate-uat.payermax.com", uatAlone},
		{"uat", "header_up Host pay evil", uatAlone},
		{"uat", "header_up * pay evil", uatAlone},
		{"uat", "header_up >Host {http.request.host}", uatAlone},
		{"uat", "header_up Host pay-gate-uat.payermax.com", ""},
		{"uat", "header_up Host pay-gate-uat.payermax.com:443", ""},
		{"uat", "header_up Host {upstream_hostport}", ""},
		{"uat", "header_up -X-*", ""},
		{"uat", "header_up X-Host evil.example", ""},
		{"https://tunnel.example:8443", "header_up Host evil.example", anyOwn},
		{"https://tunnel.example:8443", "header_up Host pay-gate.payermax.com", ""},
		{"https://tunnel.example:8443", "header_up Host Tunnel.example:8443", ""},
		{"uat https://tunnel.example", "header_up Host tunnel.example", ""},
		{"uat", "header_down Sign forged", "header_down Sign" + answer},
		{"uat", "header_down -sign", "header_down Sign" + answer},
		{"uat", "header_down +Proxy-Status forged", "header_down Proxy-Status" + answer},
		{"uat", "header_down ?Content-Type text/html", "header_down Content-Type" + answer},
		{"uat", "header_down >Payermax-Request-Id forged", "header_down Payermax-Request-Id" + answer},
		{"uat", "header_down Cache-Control no-store store", "header_down Cache-Control" + answer},
		{"uat", "header_down -Server", ""},
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax {\n"+test.option+"\ngateway "+test.gateway+"\n}\n}"), nil)
		if test.says == "" {
			assert.NoError(t, err, test.option)
			continue
		}
		assert.ErrorContains(t, err, test.says, test.option)
		assert.NotContains(t, err.Error(), "evil")
	}
}

// The error about an option in the wrong block says where it belongs. The error about part
// of a name lists the names that contain it.
func TestOptionsElsewhere(t *testing.T) {
	for option, says := range map[string]string{
		"rate 5":                "unrecognized subdirective rate, at Caddyfile:4; it belongs in limits { }",
		"budget USD 5 per day":  "it belongs in limits { }",
		"max_amount IDR 5":      "it belongs in limits { }",
		"currencies IDR":        "it belongs in contract { }",
		"dial_timeout 2s":       "it belongs in transport http { }",
		"limits {\napp_id a\n}": "unrecognized subdirective app_id; it belongs beside limits, not in its block, at Caddyfile:5",
		"merchant {\nrate 5\n}": "unrecognized subdirective rate; it belongs in limits { }, at Caddyfile:5",
		"public_key a.pub":      "did you mean merchant_public_key or gateway_public_key?",
		"app_id=a":              "write a space in place of the = after app_id",
		"app_id = a":            "app_id: remove the =",
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax {\ngateway uat\n"+option+"\n}\n}"), map[string]any{"filename": "Caddyfile"})
		assert.ErrorContains(t, err, says, option)
	}
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\npayermax {\ngateway=https://user:canary@host\n}\n}"), nil)
	assert.ErrorContains(t, err, "did you mean gateway?")
	assert.NotContains(t, err.Error(), "canary")
	for _, h := range []*Handler{{Endpoints: []string{"applyDropInSession"}}, {Versions: map[string]string{"applyDropInSession": "1.5"}}} {
		h.Merchant = Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}
		assert.ErrorContains(t, testcaddy.Provision(t, h), "did you mean applyDropinSession?")
	}
}
