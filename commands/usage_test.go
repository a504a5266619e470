package commands_test

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
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
		assert.Contains(t, help.stdout, "Examples:\n  $ caddy "+tool)
		assert.Contains(t, help.stdout, "--json")
		text, _, _ := strings.Cut(help.stdout, "Usage:")
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, len(line), 84, line)
		}
	}
}

// Each command's help names the exit codes that the manual's table has for it, and no
// others.
func TestHelpNamesExitCodes(t *testing.T) {
	t.Parallel()
	section, err := markdown.Section(markdown.Page(t, docs), "Exit codes")
	require.NoError(t, err)
	documented := make(map[string][]string)
	for _, row := range markdown.Rows(section) {
		for _, command := range regexp.MustCompile("`(payermax-[a-z]+)`").FindAllStringSubmatch(row[0], -1) {
			for code, meaning := range row[1:] {
				if meaning != "" {
					documented[command[1]] = append(documented[command[1]], strconv.Itoa(code))
				}
			}
		}
	}
	for _, command := range append([]string{"payermax-demo", "payermax-sandbox"}, tools...) {
		help := run{}.caddy(t, command, "--help").stdout
		_, said, _ := strings.Cut(help, "Exit codes:")
		said, _, _ = strings.Cut(said, "\n\n")
		assert.Equal(t, documented[command], regexp.MustCompile(`\b[0-9]\b`).FindAllString(said, -1), command)
	}
}

// Wrong arguments end with exit code 2 and a sentence, and print nothing to standard
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
		{"payermax-keygen --out KEY", "--out: expected the path of a file"},
		{"payermax-convert --in merchant.key --to der --out KEY", "--out: expected the path of a file"},
		{"payermax-keygen --out no/where/", "there is no directory no/where"},
		{"payermax-keygen --out no/where", "there is no directory no;"},
		{"payermax-keygen --namespace a", "need --kubernetes-secret"},
		{"payermax-keygen --manifest -", "need --kubernetes-secret"},
		{"payermax-keygen --kubernetes-secret A", "lower-case"},
		{"payermax-keygen --kubernetes-secret a..b", "lower-case"},
		{"payermax-keygen --kubernetes-secret a --namespace a.b", "--namespace must be"},
		{"payermax-keygen --kubernetes-secret a --manifest - --json", "would both print"},
		{"payermax-sign", "--private-key is required"},
		{"payermax-sign --private-key no.key", "no such file"},
		{"payermax-sign --private-key merchant.pub", "it is a public key"},
		{"payermax-sign --private-key merchant.key --body no.json", "--body: open no.json"},
		{"payermax-sign --private-key merchant.key --body .", "is a directory"},
		{"payermax-sign --private-key merchant.key --body KEY", "the value looks like the contents of the file"},
		{"payermax-sign --private-key KEY", "looks like a key itself"},
		{"payermax-sign KEY", "unexpected argument"},
		{"payermax-sign --key KEY", "unknown flag: --key"},
		{"payermax-verify", "exactly one of --public-key and --private-key"},
		{"payermax-verify --public-key merchant.pub --private-key merchant.key", "exactly one of"},
		{"payermax-verify --public-key no.pub", "no such file"},
		{"payermax-verify --private-key merchant.pub", "it is a public key"},
		{"payermax-verify --public-key merchant.pub", "exactly one of --sign and --sign-file"},
		{"payermax-verify --public-key merchant.pub --sign a --sign-file b", "exactly one of --sign and --sign-file"},
		{"payermax-verify --public-key merchant.pub --sign-file no.sign", "--sign-file: open no.sign"},
		{"payermax-verify --public-key merchant.pub --sign-file KEY", "the value looks like the contents of the file"},
		{"payermax-verify --public-key merchant.pub --sign a --body no.json", "--body: open no.json"},
		{"payermax-verify --public-key merchant.pub --sign a --other-key no.key", "--other-key: key file no.key: no such file"},
		{"payermax-verify --public-key merchant.pub --sign a --other-key request.json", "it is not a key"},
		{"payermax-convert", "--to is required and must be one of base64, der, pkcs1-pem, pkcs8-pem, public-base64, public-pem"},
		{"payermax-convert --to pem", "must be one of"},
		{"payermax-demo KEY", "unexpected argument"},
		{"payermax-demo --port 99999", `--port must be a whole number from 0 to 65535, but is "99999"`},
		{"payermax-sandbox --time-scale fast", `--time-scale must be a number such as 1, but is "fast"`},
		{"payermax-sandbox KEY", "unexpected argument"},
		{"payermax-sandbox --key KEY", "unknown flag: --key"},
		{"payermax-sandbox", "--app-id and --public-key are required"},
		{"payermax-sandbox --app-id a --public-key merchant.pub --listen x", "--listen must be an address and a port"},
		{"payermax-convert --to pkcs8-pem --in no.key", "--in: key file no.key: no such file"},
		{"payermax-convert --to pkcs8-pem --in request.json", "it is not a key"},
		{"payermax-convert --to pkcs8-pem --in KEY", "looks like a key itself"},
		{"payermax-convert --to public-pem", "the standard input: key: it is empty"},
		{"payermax-convert --to pkcs8-pem --in merchant.key --json", "--json does not print a private key"},
		{"payermax-health --timeout soon", `--timeout must be a duration such as 1s, but is "soon"`},
		{"payermax-health --timeout 0s", "--timeout must be a positive duration"},
		{"payermax-health --url https://127.0.0.1/readyz", "--url must be like"},
		{"payermax-health --url 127.0.0.1:8081", "--url must be like"},
		{"payermax-health --url http://user:secret@127.0.0.1/", "--url must be like"},
		{"payermax-health --url unix//run/x.sock", "--url must be like"},
		{"payermax-health --url unix//run/x.sock|0222", "--url must be like"},
		{"payermax-health --url unix/|/readyz", "--url must be like"},
		{"PAYERMAX_HEALTH_PORT=abc payermax-health", `PAYERMAX_HEALTH_PORT must be a port such as 8081, but is "abc"`},
		{"payermax-health extra", "unexpected argument"},
		{"payermax-version extra", "unexpected argument"},
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
			assert.Contains(t, got.stderr, args[0]+" --help.")
			assert.NotContains(t, got.stderr, "Error:")
			testkeys.RequireSilent(t, got.stderr, value, 12)
			require.NotContains(t, got.stderr, "secret@")
			if !strings.Contains(test.args, "--json") {
				assert.Empty(t, got.stdout)
			}
		})
	}
}

// A server that cannot start explains why and what to do, like the other commands; the
// exit code is 1.
func TestCannotServe(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", testnet.FreeAddress(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	taken := listener.Addr().(*net.TCPAddr)
	next := net.JoinHostPort(taken.IP.String(), strconv.Itoa(taken.Port+1))
	for args, says := range map[string]string{
		"payermax-sandbox --app-id a --public-key merchant.pub --listen " + taken.String(): "address already in use; choose another with --listen " + next + "\n",
		"payermax-sandbox --app-id a --public-key merchant.pub --listen 192.0.2.1:9000":    "; choose another with --listen 127.0.0.1:9001\n",
		"payermax-demo --port " + strconv.Itoa(taken.Port):                                 "--port 0 uses any free one\n",
	} {
		name, _, _ := strings.Cut(args, " ")
		got := workplace(t).caddy(t, strings.Fields(args)...)
		assert.Equal(t, 1, got.code, got.stderr)
		assert.Contains(t, got.stderr, "caddy "+name+": ")
		assert.True(t, strings.HasSuffix(got.stderr, says), got.stderr)
		assert.NotContains(t, got.stderr, `{"level"`)
		assert.NotContains(t, got.stderr, "Error:")
	}
}

// With --json, errors are JSON as well.
func TestUsageForMachines(t *testing.T) {
	t.Parallel()
	got := run{dir: t.TempDir()}.caddy(t, "payermax-sign", "--json")
	assert.Equal(t, 2, got.code)
	assert.Equal(t, "--private-key is required: the path of the key that signs", got.fields(t)["error"])
}
