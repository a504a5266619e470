package e2e

import (
	"bytes"
	"context"
	"crypto/rsa"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// The examples run unchanged: a test chooses only their environment, as an operator does.

// examplesFolder is the directory of the examples.
const examplesFolder = "../examples"

// environment holds an example's environment variables, by name.
type environment map[string]string

// list returns the environment in the form that a process takes.
func (e environment) list() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}

// address returns the address of a site whose port is in the variable.
func (e environment) address(variable string) string { return "127.0.0.1:" + e[variable] }

// exampleEnvironment sets the variables that nearly all examples need.
func exampleEnvironment(t *testing.T, gateway string) environment {
	return environment{
		"PAYERMAX_GATEWAY":            gateway,
		"PAYERMAX_APP_ID":             appID,
		"PAYERMAX_MERCHANT_NO":        merchantNo,
		"PAYERMAX_PRIVATE_KEY":        testkeys.WritePrivate(t, testkeys.Merchant()),
		"PAYERMAX_GATEWAY_PUBLIC_KEY": testkeys.WritePublic(t, &testkeys.Gateway().PublicKey),
		"PAYERMAX_PORT":               strconv.Itoa(testnet.FreePort(t)),
		"PAYERMAX_HEALTH_PORT":        strconv.Itoa(testnet.FreePort(t)),
	}
}

// readExample returns the text of an example.
func readExample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examplesFolder, name))
	require.NoError(t, err)
	return string(text)
}

// startExample runs an example.
func startExample(t *testing.T, name string, env environment) *sidecar {
	t.Helper()
	return startWith(t, readExample(t, name), env)
}

// startWith runs a config until all of its ports are open.
func startWith(t *testing.T, config string, env environment) *sidecar {
	t.Helper()
	s := start(t, env.address("PAYERMAX_HEALTH_PORT"), config, env.list())
	for variable := range env {
		if !strings.HasSuffix(variable, "_PORT") {
			continue
		}
		s.addr = env.address(variable)
		await(t, patience, variable, func() bool {
			conn, err := net.Dial("tcp", s.addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	s.addr = env.address("PAYERMAX_PORT")
	return s
}

// startTalkativeExample runs an example with the debug log and the access log on, as an operator
// might do to find a mistake.
func startTalkativeExample(t *testing.T, name string, env environment) *sidecar {
	t.Helper()
	config := readExample(t, name)
	for before, after := range map[string]string{
		"\n{\n":          "\n{\n\tdebug\n",
		"\tpayermax {\n": "\tlog\n\tpayermax {\n",
	} {
		require.Equal(t, 1, strings.Count(config, before))
		config = strings.Replace(config, before, after, 1)
	}
	return startWith(t, config, env)
}

// exampleNames lists the examples.
func exampleNames(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(examplesFolder, "*.caddyfile"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths
}

// Caddy accepts each example without a warning, once the files that its variables name exist, and
// caddy fmt would not change it.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	certificate := ca.issue(t, "sidecar.example", time.Now().Add(48*time.Hour)) // with less than a day left, Caddy would warn
	token := testkeys.WriteFile(t, callerToken+"\n")
	hash := testkeys.WriteFile(t, passwordHash(t, "password"))

	env := exampleEnvironment(t, "uat")
	delete(env, "PAYERMAX_GATEWAY") // the example must be valid with the default as well
	// The IDs of the other tests are PayerMax's examples, which cause a warning.
	env["PAYERMAX_APP_ID"], env["PAYERMAX_MERCHANT_NO"] = "c0a8b7d4e1f24a63", "P01010119440321"
	for name, value := range map[string]string{
		"PAYERMAX_CALLER_TOKEN":              token,
		"PAYERMAX_TLS_CERTIFICATE":           testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", certificate.Certificate[0])),
		"PAYERMAX_TLS_KEY":                   testkeys.WritePrivate(t, certificate.PrivateKey),
		"PAYERMAX_CALLER_CA":                 testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", ca.Certificate.Raw)),
		"PAYERMAX_BOOKS_APP_ID":              "books",
		"PAYERMAX_BOOKS_MERCHANT_NO":         "100",
		"PAYERMAX_BOOKS_PRIVATE_KEY":         env["PAYERMAX_PRIVATE_KEY"],
		"PAYERMAX_GAMES_APP_ID":              "games",
		"PAYERMAX_GAMES_MERCHANT_NO":         "200",
		"PAYERMAX_GAMES_PRIVATE_KEY":         env["PAYERMAX_PRIVATE_KEY"],
		"PAYERMAX_SP_MERCHANT_NO":            "300",
		"PAYERMAX_MERCHANT_AUTH_TOKEN":       token,
		"PAYERMAX_SHOP_PASSWORD_HASH":        hash,
		"PAYERMAX_BACK_OFFICE_PASSWORD_HASH": hash,
	} {
		env[name] = value
	}
	for _, name := range exampleNames(t) {
		t.Run(name, func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join(examplesFolder, name))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			said, err := caddyCommand(t, ctx, nil, "fmt", "--diff", path).CombinedOutput()
			require.NoError(t, err, "%s", said)
			said, err = caddyCommand(t, ctx, env.list(), "validate", "--config", path, "--adapter", "caddyfile").CombinedOutput()
			require.NoError(t, err, "%s", said)
			assert.NotContains(t, string(said), `"level":"warn"`)
			assert.NotContains(t, string(said), callerToken)
		})
	}
}

// The comment above each example's config lists exactly the variables that it uses, and the
// directory's README lists the example. No example leaves the admin endpoint open.
func TestExamplesAreDocumented(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(examplesFolder, "README.md"))
	require.NoError(t, err)
	used := regexp.MustCompile(`{(?:\$|env\.)(PAYERMAX_[A-Z_]+)`)
	explained := regexp.MustCompile(`(?m)^#   (PAYERMAX_[A-Z_]+)  `)
	names := func(pattern *regexp.Regexp, text string) []string {
		var found []string
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			found = append(found, match[1])
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	for _, name := range exampleNames(t) {
		text := readExample(t, name)
		assert.Equal(t, names(used, text), names(explained, text), name)
		assert.Contains(t, text, "\tadmin off\n", name)
		assert.Contains(t, text, "\tpersist_config off\n", name)
		assert.Contains(t, string(readme), "| [`"+name+"`]("+name+") |")
	}
}

// requireHealthy checks that probes and Prometheus reach an example at its health port.
func requireHealthy(t *testing.T, env environment) {
	t.Helper()
	health := "http://" + env.address("PAYERMAX_HEALTH_PORT")
	assert.Contains(t, get(t, health+"/readyz"), `"status":"ok"`)
	assert.Contains(t, get(t, health+"/metrics"), "caddy_payermax_key_info{")
	requireNothingElsewhere(t, env.address("PAYERMAX_HEALTH_PORT"))
	requireOnlyAsked(t, env.address("PAYERMAX_HEALTH_PORT"))
	if env["PAYERMAX_CALLBACK_PORT"] != "" {
		requireNothingElsewhere(t, env.address("PAYERMAX_CALLBACK_PORT"))
	}
}

func TestExampleDropIn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	env := exampleEnvironment(t, s.sandbox)
	env["PAYERMAX_GATEWAY_PUBLIC_KEY"] = s.gatewayKeyFile
	env["PAYERMAX_APPLICATION"] = s.application
	env["PAYERMAX_CALLBACK_PORT"] = strconv.Itoa(testnet.FreePort(t))
	s.callback = "http://" + env.address("PAYERMAX_CALLBACK_PORT") + "/payermax/callback"
	s.sidecar = startExample(t, "drop-in.caddyfile", env)
	requireHealthy(t, env)

	// A notification that the application did not accept is delivered again; one that it accepted
	// is not.
	s.refuse = 1
	s.fault("orderAndPay", "duplicate-notification", 1)
	assert.Equal(t, "SUCCESS", s.must("orderAndPay", s.order("P1", "SUCCESS"))["status"])
	paid := s.awaitNotifications(1)[0]
	assert.Equal(t, "PAYMENT", paid.kind)
	assert.True(t, strings.HasPrefix(paid.verified, "sha256:"))
	assert.Equal(t, "SUCCESS", s.must("orderQuery", map[string]any{"outTradeNo": "P1"})["status"])

	refund := map[string]any{"outRefundNo": "R1", "outTradeNo": "P1", "refundAmount": "15000", "refundCurrency": "IDR", "refundNotifyUrl": s.callback}
	assert.Equal(t, "REFUND_PENDING", s.must("refund", refund)["status"])
	assert.Equal(t, "REFUND", s.awaitNotifications(2)[1].kind)
	assert.Equal(t, "REFUND_SUCCESS", s.must("refundQuery", map[string]any{"outRefundNo": "R1"})["status"])
	assert.Len(t, s.awaitNotifications(2), 2)

	// From the internet, only PayerMax can reach the callback, and nobody can reach anything else.
	for path, status := range map[string]int{
		"/payermax/callback":             http.StatusForbidden,
		"/":                              http.StatusNotFound,
		"/payermax/callback/../../admin": http.StatusNotFound,
		endpointPath:                     http.StatusNotFound,
	} {
		answer, err := http.Post("http://"+env.address("PAYERMAX_CALLBACK_PORT")+path, "application/json", strings.NewReader(`{"notifyType":"PAYMENT"}`))
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, status, answer.StatusCode, path)
	}
	assert.Len(t, s.awaitNotifications(2), 2)
}

func TestExampleSeveralMerchants(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{"books": testkeys.Merchant(), "games": testkeys.Stranger()})
	env := exampleEnvironment(t, gateway.url())
	for _, name := range []string{"PAYERMAX_APP_ID", "PAYERMAX_MERCHANT_NO", "PAYERMAX_PRIVATE_KEY"} {
		delete(env, name)
	}
	env["PAYERMAX_BOOKS_APP_ID"], env["PAYERMAX_BOOKS_MERCHANT_NO"] = "books", "100"
	env["PAYERMAX_GAMES_APP_ID"], env["PAYERMAX_GAMES_MERCHANT_NO"] = "games", "200"
	env["PAYERMAX_BOOKS_PRIVATE_KEY"] = testkeys.WritePrivate(t, testkeys.Merchant())
	env["PAYERMAX_GAMES_PRIVATE_KEY"] = testkeys.WritePrivate(t, testkeys.Stranger())
	s := startExample(t, "several-merchants.caddyfile", env)
	requireHealthy(t, env)

	requireSuccess(t, s.post(t, forMerchant("100")))
	requireSuccess(t, s.post(t, validBody(), "X-Shop: games"))
	received := gateway.received()
	require.Len(t, received, 2)
	for i, want := range []envelope{{AppID: "books", MerchantNo: "100"}, {AppID: "games", MerchantNo: "200"}} {
		sent := readEnvelope(t, received[i])
		assert.Equal(t, want.AppID, sent.AppID)
		assert.Equal(t, want.MerchantNo, sent.MerchantNo)
		assert.Empty(t, received[i].values("X-Shop"))
	}
	requireRefusal(t, s.post(t, forMerchant("200")), http.StatusBadRequest, "PARAMS_INVALID")
	requireRefusal(t, s.post(t, validBody()), http.StatusBadRequest, "PARAMS_INVALID")
	require.Len(t, gateway.received(), 2)
}

func TestExampleServiceProvider(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
	env := exampleEnvironment(t, gateway.url())
	env["PAYERMAX_SP_MERCHANT_NO"] = "SP0001"
	env["PAYERMAX_MERCHANT_AUTH_TOKEN"] = testkeys.WriteFile(t, "canary-token-1\n")
	s := startTalkativeExample(t, "service-provider.caddyfile", env)
	requireHealthy(t, env)

	requireSuccess(t, s.post(t, validBody(), "merchant_auth_token: the-application-s-own"))
	// A new token is used at once; a token that the application sends is not used.
	require.NoError(t, os.WriteFile(env["PAYERMAX_MERCHANT_AUTH_TOKEN"], []byte("canary-token-2"), 0o600))
	requireSuccess(t, s.post(t, validBody()))
	for i, token := range []string{"canary-token-1", "canary-token-2"} {
		r := gateway.received()[i]
		assert.Equal(t, 1, bytes.Count(r.raw, []byte("\r\nmerchant_auth_token: "+token+"\r\n")), "%q", r.raw)
		assert.Len(t, r.values("merchant_auth_token"), 1)
		assert.Contains(t, string(r.body), `"spMerchantNo":"SP0001"`)
		assert.Equal(t, merchantNo, readEnvelope(t, r).MerchantNo)
	}

	// Without a token, nothing is sent, and error messages do not contain the token.
	gateway.answers(closing(nil))
	requireRefusal(t, s.post(t, validBody()), http.StatusBadGateway, "REQUEST_TIMEOUT")
	require.NoError(t, os.Remove(env["PAYERMAX_MERCHANT_AUTH_TOKEN"]))
	requireRefusal(t, s.post(t, validBody()), http.StatusInternalServerError, "SYSTEM_ERROR")
	require.Len(t, gateway.received(), 3)
	s.requireTalkative(t)
	s.NeverPrints("canary")
}

func TestExampleFailover(t *testing.T) {
	t.Parallel()
	first, backup := closed(t), newUpstream(t)
	env := exampleEnvironment(t, first.url())
	env["PAYERMAX_BACKUP_GATEWAY"] = backup.url()
	s := startExample(t, "failover.caddyfile", env)
	requireHealthy(t, env)
	for range 3 {
		requireSuccess(t, s.post(t, validBody()))
	}
	assert.Len(t, backup.received(), 3)
}

func TestExampleShadow(t *testing.T) {
	t.Parallel()
	gateway := newShadowUpstream(t)
	env := exampleEnvironment(t, gateway.url())
	s := startExample(t, "shadow.caddyfile", env)
	requireHealthy(t, env)

	body := signedByApplication()
	signature := sign(testkeys.Merchant(), []byte(body))
	requireSuccess(t, s.post(t, body, "sign: "+signature))
	r := gateway.only(t)
	assert.Equal(t, body, string(r.body))
	assert.Equal(t, []string{signature}, r.values("sign"))
	requireMetric(t, "http://"+env.address("PAYERMAX_HEALTH_PORT"), `caddy_payermax_shadow_signatures_total{endpoint="applyDropinSession",result="agree"}`, "1")
}
