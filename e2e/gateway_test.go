package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// No Caddyfile that people deploy answers with invented money unless it is told to. The image's and
// the manifests' Caddyfiles have no default gateway, because they may be used in production; the
// examples name their environment.
func TestNobodyDefaultsToTheSandbox(t *testing.T) {
	t.Parallel()
	gateways := regexp.MustCompile(`(?m)^\s*gateway (.*)$`)
	for pattern, allowed := range map[string]string{
		"../Caddyfile.example":                        `^\{\$PAYERMAX_GATEWAY\}$`,
		"../deploy/kubernetes/components/*/Caddyfile": `^\{\$PAYERMAX_GATEWAY\}$`,
		filepath.Join(examplesFolder, "*.caddyfile"):  `^\{\$PAYERMAX_GATEWAY:(uat|production)\}( |$)`,
	} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, found := range gateways.FindAllSubmatch(text, -1) {
				assert.Regexp(t, allowed, string(found[1]), file)
			}
		}
	}
}

// If PAYERMAX_GATEWAY is missing, every command says what to set, and nothing serves.
func TestGatewayVariableIsMissing(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs("../Caddyfile.example")
	require.NoError(t, err)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	above, _, _ := strings.Cut(string(text), "gateway {$PAYERMAX_GATEWAY}")
	line := 1 + strings.Count(above, "\n")
	credentials := exampleEnvironment(t, "")
	for name, variables := range map[string][]string{
		"not set": nil, "empty": {"PAYERMAX_GATEWAY="}, "white space": {"PAYERMAX_GATEWAY= \t "}, "all the others": credentials.list(),
	} {
		for _, command := range []string{"run", "validate", "adapt", "payermax-doctor"} {
			t.Run(command+", "+name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				args := []string{command, "--config", file, "--adapter", "caddyfile"}
				said, err := caddyCommand(t, ctx, variables, args...).CombinedOutput()
				require.Error(t, err)
				require.NoError(t, ctx.Err(), "%s", said)
				for _, words := range []string{
					"gateway is empty: expected uat, production, sandbox or a URL such as https://host", "PAYERMAX_GATEWAY=uat", "{$PAYERMAX_GATEWAY}",
					fmt.Sprintf("%s:%d", file, line),
				} {
					assert.Contains(t, string(said), words)
				}
			})
		}
	}
}

// The sandbox runs only if it is asked for. Beside a merchant's credentials, it runs only if that
// is confirmed as well.
func TestSandboxBesideCredentials(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Caddyfile.example")
	require.NoError(t, err)
	const refused = "the gateway is the sandbox, which never calls PayerMax, but the configuration has a merchant's "
	for name, test := range map[string]struct {
		gateway string
		without []string // variables that are not set
		says    string   // the error, or "" if it runs
	}{
		"nothing":           {"sandbox", []string{"APP_ID", "MERCHANT_NO", "PRIVATE_KEY", "GATEWAY_PUBLIC_KEY"}, ""},
		"everything":        {"sandbox", nil, refused + "app_id, merchant_no, private_key, gateway_public_key, so"},
		"an appId":          {"sandbox", []string{"MERCHANT_NO", "PRIVATE_KEY", "GATEWAY_PUBLIC_KEY"}, refused + "app_id, so"},
		"a key":             {"sandbox", []string{"APP_ID", "MERCHANT_NO", "GATEWAY_PUBLIC_KEY"}, refused + "private_key, so"},
		"PayerMax's key":    {"sandbox", []string{"APP_ID", "MERCHANT_NO", "PRIVATE_KEY"}, refused + "gateway_public_key, so"},
		"meant":             {"sandbox sandbox", []string{"GATEWAY_PUBLIC_KEY"}, ""},
		"PayerMax's, meant": {"sandbox sandbox", nil, "gateway_public_key: the gateway is the sandbox, which signs with its own key, not PayerMax's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := exampleEnvironment(t, test.gateway)
			for _, variable := range test.without {
				delete(env, "PAYERMAX_"+variable)
			}
			if test.says == "" {
				s := startWith(t, string(text), env)
				requireSession(t, s.post(t, `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`))
				health := "http://" + env.address("PAYERMAX_HEALTH_PORT")
				assert.Contains(t, get(t, health+"/readyz"), `"sandbox":true`)
				assert.Contains(t, get(t, health+"/metrics"), "\ncaddy_payermax_sandbox 1\n")
				return
			}
			file := filepath.Join(t.TempDir(), "Caddyfile")
			require.NoError(t, os.WriteFile(file, text, 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			said, err := caddyCommand(t, ctx, env.list(), "run", "--config", file).CombinedOutput()
			require.Error(t, err)
			require.NoError(t, ctx.Err(), "it runs")
			for _, words := range []string{test.says, "gateway uat or gateway production"} {
				assert.Contains(t, string(said), words)
			}
		})
	}
}

// Without a sandbox, nothing says that there is one.
func TestNoSandbox(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url()})
	res := s.post(t, validBody())
	requireSuccess(t, res)
	assert.NotContains(t, res.header.Get("Proxy-Status"), "sandbox")
	assert.NotContains(t, get(t, health+"/readyz"), "sandbox")
	assert.Contains(t, get(t, health+"/metrics"), "\ncaddy_payermax_sandbox 0\n")
	s.requireLogged(t, res, "answered")
	s.NeverPrints(`"msg":"call"`, `"sandbox"`)
}

// A sandbox elsewhere that a sidecar takes for PayerMax is noticed by its answers.
func TestSandboxElsewhereIsNoticed(t *testing.T) {
	t.Parallel()
	port := testnet.FreePort(t)
	public := testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)
	startSandbox(t, port, "--app-id", appID, "--public-key", public)
	s, health := startWithHealth(t, "", setup{gateway: "http://127.0.0.1:" + strconv.Itoa(port), unchecked: true})
	assert.Contains(t, get(t, health+"/metrics"), "\ncaddy_payermax_sandbox 0\n")
	res := s.post(t, validBody())
	assert.Equal(t, `caddy-payermax; received-status=200; details="answer not checked"; sandbox`, res.header.Get("Proxy-Status"))
	s.AwaitLine(t, `"msg":"call"`, `"sandbox":true`)
	assert.Contains(t, get(t, health+"/readyz"), `"sandbox":true`)
	assert.Contains(t, get(t, health+"/metrics"), "\ncaddy_payermax_sandbox 1\n")

	_, findings := doctorJSON(t, nil, configFile(t, testnet.FreePort(t), "gateway http://127.0.0.1:"+strconv.Itoa(port), handlerOptions(t)))
	result, message := results(findings, "sandbox")
	assert.Equal(t, "warning", result)
	assert.Contains(t, message, "a sandbox answers there, and no call to it reaches PayerMax")
}
