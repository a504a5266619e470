package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

var tools = []string{"payermax-keygen", "payermax-sign", "payermax-verify", "payermax-convert", "payermax-health", "payermax-version"}

func TestHelp(t *testing.T) {
	t.Parallel()
	list := run{}.caddy(t, "help")
	for _, tool := range tools {
		assert.Contains(t, list.stdout, "\n  "+tool)
		help := run{}.caddy(t, tool, "--help")
		assert.Zero(t, help.code)
		assert.Empty(t, help.stderr)
		assert.Contains(t, help.stdout, "Exit codes: 0 for yes")
		assert.Contains(t, help.stdout, "Examples:\n  $ caddy "+tool)
		assert.Contains(t, help.stdout, "--json")
		text, _, _ := strings.Cut(help.stdout, "Usage:")
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, len(line), 84, line)
		}
	}
}

// What was not understood is exit code 2, with a sentence, and nothing on the standard
// output.
func TestUsage(t *testing.T) {
	t.Parallel()
	value := testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))
	for _, test := range []struct {
		args, says string
	}{
		{"payermax-keygen --bits 1024", "--bits must be 2048, 3072 or 4096"},
		{"payermax-keygen --bits many", `--bits must be a whole number such as 2048, but is "many"`},
		{"payermax-keygen --bits KEY", "--bits must be a whole number such as 2048, but is a text of "},
		{"payermax-convert --in merchant.key --to der --out no/where", "--out: there is no directory no;"},
		{"payermax-keygen --kubernetes-secret a --manifest no/where", "--manifest: there is no directory no;"},
		{"payermax-keygen --out=", "--out is empty"},
		{"payermax-keygen --out KEY", "--out: the name of a file is expected here"},
		{"payermax-convert --in merchant.key --to der --out KEY", "--out: the name of a file is expected here"},
		{"payermax-keygen --out no/where/", "there is no directory no/where"},
		{"payermax-keygen --out no/where", "there is no directory no;"},
		{"payermax-keygen --namespace a", "belong to --kubernetes-secret"},
		{"payermax-keygen --manifest -", "belong to --kubernetes-secret"},
		{"payermax-keygen --kubernetes-secret A", "lower-case"},
		{"payermax-keygen --kubernetes-secret a..b", "lower-case"},
		{"payermax-keygen --kubernetes-secret a --namespace a.b", "--namespace must be"},
		{"payermax-keygen --kubernetes-secret a --manifest - --json", "would both print"},
		{"payermax-sign", "--private-key is required"},
		{"payermax-sign --private-key no.key", "no such file"},
		{"payermax-sign --private-key merchant.pub", "it is a public key"},
		{"payermax-sign --private-key merchant.key --body no.json", "--body: open no.json"},
		{"payermax-sign --private-key merchant.key --body .", "is a directory"},
		{"payermax-sign --private-key merchant.key --body KEY", "this looks like what should be in it"},
		{"payermax-sign --private-key KEY", "looks like a key itself"},
		{"payermax-sign KEY", "belongs to no flag"},
		{"payermax-sign --key KEY", "unknown flag: --key"},
		{"payermax-verify", "exactly one of --public-key and --private-key"},
		{"payermax-verify --public-key merchant.pub --private-key merchant.key", "exactly one of"},
		{"payermax-verify --public-key no.pub", "no such file"},
		{"payermax-verify --private-key merchant.pub", "it is a public key"},
		{"payermax-verify --public-key merchant.pub", "exactly one of --sign and --sign-file"},
		{"payermax-verify --public-key merchant.pub --sign a --sign-file b", "exactly one of --sign and --sign-file"},
		{"payermax-verify --public-key merchant.pub --sign-file no.sign", "--sign-file: open no.sign"},
		{"payermax-verify --public-key merchant.pub --sign-file KEY", "this looks like what should be in it"},
		{"payermax-verify --public-key merchant.pub --sign a --body no.json", "--body: open no.json"},
		{"payermax-verify --public-key merchant.pub --sign a --other-key no.key", "--other-key: key file no.key: no such file"},
		{"payermax-verify --public-key merchant.pub --sign a --other-key request.json", "it is not a key"},
		{"payermax-convert", "--to is required and must be one of base64, der, pkcs1-pem, pkcs8-pem, public-base64, public-pem"},
		{"payermax-convert --to pem", "must be one of"},
		{"payermax-demo KEY", "belongs to no flag"},
		{"payermax-demo --port 99999", `--port must be a whole number from 0 to 65535, but is "99999"`},
		{"payermax-sandbox --time-scale fast", `--time-scale must be a number such as 1, but is "fast"`},
		{"payermax-sandbox KEY", "belongs to no flag"},
		{"payermax-sandbox --key KEY", "unknown flag: --key"},
		{"payermax-convert --to pkcs8-pem --in no.key", "--in: key file no.key: no such file"},
		{"payermax-convert --to pkcs8-pem --in request.json", "it is not a key"},
		{"payermax-convert --to pkcs8-pem --in KEY", "looks like a key itself"},
		{"payermax-convert --to public-pem", "the standard input: key: it is empty"},
		{"payermax-convert --to pkcs8-pem --in merchant.key --json", "--json prints no private key"},
		{"payermax-health --timeout soon", `--timeout must be a duration such as 1s, but is "soon"`},
		{"payermax-health --timeout 0s", "--timeout must be a positive duration"},
		{"payermax-health --url https://127.0.0.1/readyz", "--url must be like"},
		{"payermax-health --url 127.0.0.1:8081", "--url must be like"},
		{"payermax-health --url http://user:secret@127.0.0.1/", "--url must be like"},
		{"payermax-health --url unix//run/x.sock", "--url must be like"},
		{"payermax-health --url unix//run/x.sock|0222", "--url must be like"},
		{"payermax-health --url unix/|/readyz", "--url must be like"},
		{"PAYERMAX_HEALTH_PORT=abc payermax-health", `PAYERMAX_HEALTH_PORT must be a port such as 8081, but is "abc"`},
		{"payermax-health extra", "belongs to no flag"},
		{"payermax-version extra", "belongs to no flag"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(test.args)
			r := workplace(t)
			if strings.Contains(args[0], "=") {
				r.env, args = args[:1], args[1:]
			}
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "KEY", value)
			}
			got := r.caddy(t, args...)
			assert.Equal(t, 2, got.code, got.stderr)
			assert.Contains(t, got.stderr, "caddy "+args[0]+": ")
			assert.Contains(t, got.stderr, test.says)
			assert.Contains(t, got.stderr, args[0]+" --help shows how it is used.")
			assert.NotContains(t, got.stderr, "Error:")
			testkeys.RequireSilent(t, got.stderr, value, 12)
			require.NotContains(t, got.stderr, "secret@")
			if !strings.Contains(test.args, "--json") {
				assert.Empty(t, got.stdout)
			}
		})
	}
}

// For machines, an error is JSON as well.
func TestUsageForMachines(t *testing.T) {
	t.Parallel()
	got := run{dir: t.TempDir()}.caddy(t, "payermax-sign", "--json")
	assert.Equal(t, 2, got.code)
	assert.Equal(t, "--private-key is required: the path of the key that signs", got.fields(t)["error"])
}
