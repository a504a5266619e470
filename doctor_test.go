package payermax

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/doctor/command"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() { caddy.RegisterModule(new(distantSource)) }

// distantSource is a source of remote keys.
type distantSource struct {
	// Refuses is the error that Key returns instead of a key.
	Refuses string `json:"refuses,omitempty"`
}

func (*distantSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "payermax.keys.distant", New: func() caddy.Module { return new(distantSource) }}
}

func (d *distantSource) UnmarshalCaddyfile(tokens *caddyfile.Dispenser) error {
	tokens.Next()
	tokens.Args(&d.Refuses)
	return nil
}

func (d *distantSource) Key() (crypto.Signer, string, error) {
	if d.Refuses != "" {
		return nil, "", errors.New(d.Refuses)
	}
	return merchantKey(), signer.Fingerprint(&merchantKey().PublicKey), nil
}

// examined returns the doctor's report on a Caddyfile.
func examined(t *testing.T, caddyfile string, options doctor.Options) doctor.Report {
	t.Helper()
	report, err := command.Examine(t.Context(), command.Config{Name: "Caddyfile", Adapter: "caddyfile", Text: []byte(caddyfile)}, describe, command.Options{Options: options})
	require.NoError(t, err)
	return report
}

// site returns a Caddyfile with one payermax block.
func site(options string) string {
	return "{\nadmin off\n}\n:8080 {\nbind 127.0.0.1\npayermax {\n" + options + "\n}\n}\n"
}

// resultsOf returns the results of one check, whatever their subjects.
func resultsOf(report doctor.Report, check string) []doctor.Result {
	var found []doctor.Result
	for _, r := range report {
		if r.Check == check {
			found = append(found, r)
		}
	}
	return found
}

func TestExamineGoodConfig(t *testing.T) {
	report := examined(t, site(fmt.Sprintf(`gateway production https://backup.example
		app_id app
		merchant_no m
		private_key %s
		next_private_key %s
		merchant_public_key %s
		gateway_public_key %s
		endpoints drop_in`,
		writePrivateKey(t, merchantKey()), writePrivateKey(t, gatewayKey()), writePublicKey(t, &merchantKey().PublicKey), writePublicKey(t, &newKey().PublicKey))),
		doctor.Options{Offline: true})
	assert.Zero(t, report.Count(doctor.Problem)+report.Count(doctor.Warning), "%v", report)
	assert.Equal(t, "payermax on 127.0.0.1:8080", resultsOf(report, "proxy")[0].Subject)
	assert.Equal(t, "a call takes up to 30s, and a shutdown waits for it", resultsOf(report, "times")[0].Message)
	assert.Equal(t, "calls go to https://pay-gate.payermax.com, then https://backup.example through transport payermax", resultsOf(report, "proxy")[0].Message)
	assert.Equal(t, "signs applyDropinSession 1.5, cancel 1.4, capture 1.4, orderAndPay 1.5, orderQuery 1.4, refund 1.4, refundQuery 1.4; validation strict",
		resultsOf(report, "settings")[0].Message)
	require.Len(t, resultsOf(report, "gateway"), 2)
	assert.Contains(t, resultsOf(report, "gateway")[0].Message, "PayerMax's production")
	assert.Contains(t, resultsOf(report, "gateway")[1].Message, "the backup")
}

// The check that is responsible for a mistake in a config reports it, and names what to
// change.
func TestExamineWrongConfig(t *testing.T) {
	t.Setenv("PAYERMAX_UNSET", "")
	key, public := writePrivateKey(t, merchantKey()), writePublicKey(t, &gatewayKey().PublicKey)
	good := "gateway uat\napp_id app\nprivate_key " + key + "\ngateway_public_key " + public + "\n"
	without := func(option string) string {
		lines := strings.Split(good, "\n")
		return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, option) }), "\n")
	}
	for name, test := range map[string]struct {
		config  string
		check   string
		outcome doctor.Outcome
		says    string
	}{
		"an unknown option":         {site("gateway uat\napp_idd app"), "config", doctor.Problem, "unrecognized subdirective app_idd"},
		"no gateway":                {site(without("gateway ")), "config", doctor.Problem, "gateway is required"},
		"the key in the config":     {":8080 {\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\n}", "config", doctor.Problem, "looks like a key"},
		"no handler":                {":8080 {\nrespond hi\n}", "config", doctor.Problem, "no payermax and no payermax_sign handler"},
		"no app_id":                 {site(without("app_id")), "app_id", doctor.Problem, "it is not set"},
		"app_id unset":              {site(without("app_id") + "app_id {env.PAYERMAX_UNSET}"), "app_id", doctor.Problem, "{env.PAYERMAX_UNSET} is empty"},
		"app_id too long":           {site(without("app_id") + "app_id " + strings.Repeat("x", 65)), "app_id", doctor.Problem, "longer than the 64 characters"},
		"no key":                    {site(without("private_key")), "private key", doctor.Problem, "it is not configured"},
		"key unset":                 {site(without("private_key") + "private_key {env.PAYERMAX_UNSET}"), "private key", doctor.Problem, "{env.PAYERMAX_UNSET}: the path is empty"},
		"key missing":               {site(without("private_key") + "private_key " + key + "s"), "private key", doctor.Problem, "no such file"},
		"one's own as PayerMax's":   {site(without("gateway_public_key") + "gateway_public_key " + writePublicKey(t, &merchantKey().PublicKey)), "gateway public key", doctor.Problem, "the merchant's own"},
		"a token that is missing":   {site(good + "merchant_auth_token {file./nowhere}"), "merchant_auth_token", doctor.Problem, "{file./nowhere} is empty"},
		"a relative token":          {site(good + "merchant_auth_token {file.tok}"), "merchant_auth_token", doctor.Problem, "{file.tok} names no file"},
		"a relative key_version":    {site(good + "key_version {file.key_version}"), "key_version", doctor.Problem, "{file.key_version} names no file"},
		"a version nobody knows":    {site(good + "version 9.9"), "settings", doctor.Warning, "there are no rules for applyDropinSession 9.9, so those of 1.6 apply to its requests"},
		"an endpoint nobody knows":  {site(good + "endpoints applyDropInSession"), "settings", doctor.Problem, "neither an endpoint nor a group"},
		"a burst without a rate":    {site(good + "limits {\ncaller_id {http.auth.user.id}\n}"), "load", doctor.Problem, "caller_id and callers belong together"},
		"callers by a header":       {site(good + "limits {\ncaller_id {header.X-User}\ncaller shop\n}"), "callers", doctor.Warning, "{http.request.header.X-User} is written by the caller"},
		"a caller with a short key": {strings.Replace(site(good), "payermax {", "@shop header Authorization \"Bearer canary\"\nrespond @shop 204\npayermax {", 1), "callers", doctor.Warning, "has fewer than 32 characters"},
		"lenient":                   {site(good + "validation off"), "settings", doctor.Warning, "validation off"},
		"shadow":                    {site(good + "shadow"), "settings", doctor.Warning, "shadow mode is on"},
		"another site is broken":    {site(good) + ":8081 {\ntls /nowhere.pem /nowhere.key\n}", "load", doctor.Problem, "/nowhere.pem"},
		"open to the network":       {strings.Replace(site(good), "bind 127.0.0.1", "", 1), "listener", doctor.Warning, "listens on addresses other than loopback"},
		"admin on":                  {strings.Replace(site(good), "admin off", "", 1), "admin", doctor.Warning, "admin endpoint is on, so every process that can reach it can make Caddy read the key files"},
		"admin for all":             {strings.Replace(site(good), "admin off", "admin :2019", 1), "admin", doctor.Problem, "open to other machines"},
		"no proxy":                  {":8080 {\n" + signing + "\n}", "proxy", doctor.Problem, "no reverse_proxy follows payermax"},
		"a trust pool that is gone": {site(good + "transport http {\ntls_trust_pool file /nowhere.pem\n}"), "proxy", doctor.Problem, "/nowhere.pem"},
		"the sandbox":               {site("gateway sandbox"), "gateway", doctor.Warning, "no call reaches PayerMax"},
		"credentials beside it":     {site("gateway sandbox\napp_id app\nprivate_key " + key), "load", doctor.Problem, "a merchant's app_id, private_key, so"},
		"and they are meant":        {site("gateway sandbox sandbox\napp_id app\nprivate_key " + key), "sandbox", doctor.Warning, "a merchant's app_id, private_key are configured with the sandbox"},
		"notified by no sandbox":    {site(good) + ":8081 {\npayermax_notify {\nsandbox\n}\n}", "sandbox", doctor.Warning, "no payermax of this config has gateway sandbox"},
		"the sandbox's other key":   {site("gateway sandbox") + ":8081 {\npayermax_notify {\ngateway_public_key " + public + "\napp_id app\n}\n}", "sandbox", doctor.Warning, "signs with a key of its own"},
		"the sandbox as a site":     {site(good) + "http://127.0.0.1:9000 {\npayermax_sandbox {\nmerchant {\napp_id app\npublic_key " + public + "\n}\n}\n}", "sandbox", doctor.Warning, "a sandbox answers here"},
		"notified as an example":    {site(good) + ":8443 {\npayermax_notify {\ngateway_public_key " + public + "\napp_id app your-app-id\n}\n}", "app_id", doctor.Warning, "your-app-id is a placeholder from the examples"},
		"notify without key":        {site(good) + ":8443 {\npayermax_notify {\ngateway_public_key /nowhere.pub\n}\n}", "gateway public key", doctor.Problem, "/nowhere.pub: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			report := examined(t, test.config, doctor.Options{Offline: true})
			for _, result := range report {
				assert.NotEmpty(t, result.Subject, result.Message) // the heading that it stands under
			}
			assert.True(t, slices.ContainsFunc(resultsOf(report, test.check), func(r doctor.Result) bool {
				return r.Outcome == test.outcome && strings.Contains(r.Message, test.says)
			}), "%v", report)
			assert.Equal(t, test.outcome == doctor.Problem, report.Count(doctor.Problem) > 0, "%v", report)
		})
	}
}

// A mistake that keeps a handler from loading is reported once, besides the result that
// the config does not load.
func TestExamineDoesNotRepeatItself(t *testing.T) {
	report := examined(t, site("gateway uat\napp_id app\nprivate_key {env.PAYERMAX_UNSET}"), doctor.Options{Offline: true})
	assert.Equal(t, 2, report.Count(doctor.Problem), "%v", report)
	require.Len(t, resultsOf(report, "load"), 1)
	assert.Contains(t, resultsOf(report, "load")[0].Message, "for the reasons below")
}

// A remote key is asked for a signature, but not with Offline.
func TestExamineDistantKey(t *testing.T) {
	config := site("gateway http://127.0.0.1:1\napp_id app\nkey distant\ngateway_public_key " + writePublicKey(t, &gatewayKey().PublicKey))
	report := examined(t, config, doctor.Options{})
	assert.Contains(t, resultsOf(report, "private key")[0].Message, "RSA of 2048 bits in distant, fingerprint sha256:")
	assert.Equal(t, doctor.OK, resultsOf(report, "private key self-test")[0].Outcome)
	assert.Equal(t, doctor.OK, resultsOf(report, "load")[0].Outcome)
	assert.Contains(t, resultsOf(report, "connection")[0].Message, "refused")

	report = examined(t, config, doctor.Options{Offline: true})
	assert.Equal(t, doctor.NotChecked, resultsOf(report, "private key")[0].Outcome)
	assert.Equal(t, doctor.NotChecked, resultsOf(report, "load")[0].Outcome)

	refusing := strings.Replace(config, "key distant", `key distant "the token has expired"`, 1)
	report = examined(t, refusing, doctor.Options{})
	assert.Equal(t, "distant: the token has expired", resultsOf(report, "private key")[0].Message)
}

// A gateway that is another site of the same config cannot be reached before the config
// runs. That is not a problem.
func TestExamineOwnSite(t *testing.T) {
	address := testnet.FreeAddress(t)
	report := examined(t, site("gateway http://"+address+"\napp_id app\nprivate_key "+writePrivateKey(t, merchantKey()))+
		"http://"+address+" {\npayermax_sandbox {\nmerchant {\napp_id app\npublic_key "+writePublicKey(t, &merchantKey().PublicKey)+"\n}\n}\n}\n", doctor.Options{})
	assert.Equal(t, doctor.NotChecked, resultsOf(report, "connection")[0].Outcome)
	assert.Zero(t, report.Count(doctor.Problem), "%v", report)
}

// Merchants share the handler's options, and each is named by its number.
func TestExamineSeveralMerchants(t *testing.T) {
	report := examined(t, site(fmt.Sprintf(`gateway sandbox sandbox
		sp_merchant_no SP
		merchant 0202 {
			app_id first
			private_key %[1]s
		}
		merchant {
			match header X-Shop second
			app_id second
			private_key %[1]s
		}`, writePrivateKey(t, merchantKey()))), doctor.Options{Offline: true})
	var subjects []string
	for _, r := range resultsOf(report, "sp_merchant_no") {
		assert.Equal(t, "SP", r.Message)
		subjects = append(subjects, r.Subject)
	}
	assert.Equal(t, []string{"payermax on 127.0.0.1:8080, merchant 0202", "payermax on 127.0.0.1:8080, merchant no. 2"}, subjects)
}

func TestDescribeToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("canary-token\n"), 0o600))
	token, perRequest := describeToken("{file." + file + "}")
	assert.False(t, perRequest)
	assert.NoError(t, token.Error)
	assert.Equal(t, "canary-token", token.Value)

	require.NoError(t, os.WriteFile(file, []byte("canary\x01token"), 0o600))
	token, _ = describeToken("{file." + file + "}")
	assert.ErrorContains(t, token.Error, "characters that a header cannot hold")
	assert.NotContains(t, token.Error.Error(), "canary")

	token, _ = describeToken("canary-itself")
	assert.ErrorContains(t, token.Error, "expected a placeholder")
	assert.NotContains(t, fmt.Sprint(token), "canary")

	_, perRequest = describeToken("{http.request.header.X-Token}")
	assert.True(t, perRequest)
	token, perRequest = describeToken("")
	assert.Equal(t, doctor.Option{Name: "merchant_auth_token"}, token)
	assert.False(t, perRequest)
}

// A sandbox can stand before the proxy that calls were meant for, which is reported. A
// proxy for anything else, such as the sandbox's own notifications, is not.
func TestDoctorFindsProxyBehindSandbox(t *testing.T) {
	for name, test := range map[string]struct {
		directives string
		warns      bool
	}{
		"to PayerMax":       {"payermax {\ngateway sandbox\n}\nreverse_proxy https://pay-gate.payermax.com", true},
		"as signed":         {"payermax {\ngateway sandbox\n}\nreverse_proxy https://gateway.test {\ntransport payermax\n}", true},
		"after another":     {"payermax @calls {\ngateway sandbox\n}\nreverse_proxy /shop* 127.0.0.1:3000\nreverse_proxy https://pay-gate-uat.payermax.com", true},
		"for notifications": {"payermax @calls {\ngateway sandbox\n}\nreverse_proxy /payermax/callback* 127.0.0.1:3000", false},
		"for all the rest":  {"payermax @calls {\ngateway sandbox\n}\nreverse_proxy 127.0.0.1:3000", false},
	} {
		t.Run(name, func(t *testing.T) {
			config := "{\nadmin off\n}\n:8080 {\nbind 127.0.0.1\n@calls path /aggregate-pay/*\n" + test.directives + "\n}\n"
			found := resultsOf(examined(t, config, doctor.Options{Offline: true}), "sandbox")
			if !test.warns {
				assert.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Equal(t, doctor.Warning, found[0].Outcome)
			assert.Contains(t, found[0].Message, "follows the sandbox")
			assert.Contains(t, found[0].Next, `remove gateway sandbox (in JSON, "sandbox": true)`)
		})
	}
}

// The credentials of several merchants are named, each once.
func TestDoctorNamesCredentialsOfSeveral(t *testing.T) {
	report := examined(t, site("gateway sandbox sandbox\nsp_merchant_no SP\nmerchant 1 {\napp_id a\n}\nmerchant 2 {\napp_id b\n}"), doctor.Options{Offline: true})
	found := resultsOf(report, "sandbox")
	require.Len(t, found, 1, "%v", report)
	assert.Contains(t, found[0].Message, "a merchant's app_id, merchant_no, sp_merchant_no are configured")
}

// The doctor leaves nothing behind: no directory, no module that still runs, and no files
// where the config would make Caddy write.
func TestExamineLeavesNothing(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	report := examined(t, `{
			admin off
			storage file_system `+dir+`/storage
		}
		https://localhost:8443 {
			bind 127.0.0.1
			tls internal
			log {
				output file `+dir+`/access.log
			}
			payermax {
				gateway sandbox
			}
		}`, doctor.Options{Offline: true})
	assert.Equal(t, doctor.OK, resultsOf(report, "load")[0].Outcome, "%v", report)
	for _, empty := range []string{dir, temporary} {
		left, err := os.ReadDir(empty)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
	assert.Empty(t, keys.InUse())
}

// In each shipped config, the grace period is long enough for every call, and the
// server's timeouts for every answer.
func TestTimesOfShippedConfigs(t *testing.T) {
	t.Setenv("PAYERMAX_GATEWAY", "uat")
	var files []string
	for _, pattern := range []string{"Caddyfile.example", "examples/*.caddyfile", "deploy/kubernetes/components/*/Caddyfile"} {
		matching, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, matching)
		files = append(files, matching...)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found := resultsOf(examined(t, string(text), doctor.Options{Offline: true}), "times")
			require.NotEmpty(t, found)
			for _, times := range found {
				assert.Equal(t, doctor.OK, times.Outcome, times.Message)
				assert.Contains(t, times.Message, "a shutdown waits for it up to", "a shutdown must come to an end")
			}
			_, handlers := handlersIn(testcaddy.Adapted(t, string(text)))
			for _, h := range handlers {
				assert.NotEmpty(t, h.Server["write_timeout"], "a client that reads nothing must not hold its memory for ever")
			}
		})
	}
}
