package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// finding is one element of the output of payermax-doctor --json.
type finding struct{ Check, Subject, Result, Message, Next string }

// examination is a run of payermax-doctor.
type examination struct {
	exitCode       int
	stdout, stderr string
}

// doctor runs payermax-doctor in an empty directory, which must stay empty.
func doctor(t *testing.T, env []string, args ...string) examination {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := caddyCommand(t, ctx, env, append([]string{"payermax-doctor"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err())
	left, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	assert.Empty(t, left, "it writes nothing")
	assert.NotContains(t, stderr.String(), "DATA RACE")
	assert.NotRegexp(t, `\bpanic\b`, stderr.String())
	return examination{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// doctorJSON runs payermax-doctor --json on a config file, and decodes the output.
func doctorJSON(t *testing.T, env []string, config string, args ...string) (examination, []finding) {
	t.Helper()
	ran := doctor(t, env, append([]string{"--json", "--config", config}, args...)...)
	var findings []finding
	decoder := json.NewDecoder(strings.NewReader(ran.stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&findings), ran.stdout+ran.stderr)
	assert.Empty(t, ran.stderr)
	for _, f := range findings {
		assert.Contains(t, []string{"ok", "warning", "problem", "not checked"}, f.Result)
		assert.NotContains(t, f.Message+f.Next, "\n")
	}
	return ran, findings
}

// results returns how a check ended, and its message.
func results(findings []finding, check string) (result, message string) {
	for _, f := range findings {
		if f.Check == check {
			return f.Result, f.Message + ". Next: " + f.Next
		}
	}
	return "", ""
}

// configFile writes a Caddyfile with one payermax block.
func configFile(t *testing.T, port int, options ...string) string {
	t.Helper()
	config := strings.Replace(caddyfile(port, "payermax {\n"+strings.Join(options, "\n")+"\n}"), "debug\n", "", 1)
	file := filepath.Join(t.TempDir(), "Caddyfile")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return file
}

// queried is a gateway that answers orderQuery, and checks each call as PayerMax would.
type queried struct {
	url string

	mu         sync.Mutex
	signatures []string
}

// orderQueryAnswering starts a gateway that always gives the same answer, signed if signed is not
// nil.
func orderQueryAnswering(t *testing.T, config *tls.Config, answer string, signed func(body string) string) *queried {
	t.Helper()
	q := new(queried)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			assert.Empty(t, r.Header["Sign"], "a question for the time needs no signature")
			return
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "POST /aggregate-pay/api/gateway/orderQuery", r.Method+" "+r.RequestURI)
		assert.NoError(t, verify(&testkeys.Merchant().PublicKey, body, r.Header.Get("Sign")))
		assert.Regexp(t, `^{"version":"1\.4","keyVersion":"1","requestTime":"[^"]{23}\+00:00","appId":"`+appID+`","merchantNo":"`+merchantNo+`","data":{"outTradeNo":"DOCTOR\d{20}"}}$`, string(body))
		q.mu.Lock()
		q.signatures = append(q.signatures, r.Header.Get("Sign"), signed(answer))
		q.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("sign", signed(answer))
		_, _ = io.WriteString(w, answer)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	if config != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	q.url = server.URL
	return q
}

// requireSilent checks that the gateway got the given number of calls, and that the output shows
// none of their signatures.
func (q *queried) requireSilent(t *testing.T, calls int, out string) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	require.Len(t, q.signatures, 2*calls)
	for _, signature := range q.signatures {
		require.False(t, strings.Contains(out, signature[:20]), "a signature was printed")
	}
}

// byGateway signs as the gateway does.
func byGateway(body string) string { return sign(testkeys.Gateway(), []byte(body)) }

const orderNotExist = `{"code":"ORDER_NOT_EXIST","msg":"` + canaryAnswer + `"}`

// A healthy sidecar, examined while it runs: no port conflict is reported, and every check is ok.
func TestDoctorFindsNothing(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	gateway := orderQueryAnswering(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", time.Now().Add(30*24*time.Hour))}}, orderNotExist, byGateway)
	port := testnet.FreePort(t)
	config := configFile(t, port, "gateway "+gateway.url, handlerOptions(t), "gateway_public_key "+testkeys.WritePublic(t, &testkeys.Gateway().PublicKey),
		"merchant_public_key "+testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), ca.trust(t))
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	start(t, "127.0.0.1:"+strconv.Itoa(port), string(text), nil)

	ran, findings := doctorJSON(t, []string{"HTTPS_PROXY=http://user:" + canaryBearer + "@127.0.0.1:1"}, config, "--call")
	assert.Zero(t, ran.exitCode)
	for _, f := range findings {
		assert.Equal(t, "ok", f.Result, "%v", f)
	}
	for check, says := range map[string]string{
		"load": "Caddy loads it", "private key": "PEM (PKCS#8)", "tls": "TLS 1.3 in", "clock": "agrees with the gateway's",
		"call": "everything works", "answer": "its signature verifies", "proxy variables": "HTTPS_PROXY is set, but ignored",
	} {
		_, message := results(findings, check)
		assert.Contains(t, message, says, check)
	}
	assert.NotContains(t, ran.stdout, "canary")

	told := ran.stdout
	for _, args := range [][]string{{"--config", config, "--adapter", "caddyfile"}, {"-c", config}} {
		people := doctor(t, nil, append(args, "--call")...)
		told += people.stdout
		assert.Zero(t, people.exitCode)
		assert.Empty(t, people.stderr)
		assert.Contains(t, people.stdout, "\n[ok] private key: RSA of 2048 bits, PEM (PKCS#8), fingerprint sha256:")
		assert.Contains(t, people.stdout, "0 problems, 0 warnings")
		assert.NotContains(t, people.stdout, "\x1b", "colours are for terminals")
		requireNoKey(t, people.stdout, testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))
		assert.NotContains(t, people.stdout, "canary")
	}
	gateway.requireSilent(t, 3, told)
}

// The doctor finds what is wrong with a config, and prints none of its secrets.
func TestDoctorFindsProblems(t *testing.T) {
	t.Parallel()
	key, public := testkeys.WritePrivate(t, testkeys.Merchant()), testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	readable := testkeys.WritePrivate(t, testkeys.Merchant())
	require.NoError(t, os.Chmod(readable, 0o644))
	token := testkeys.WriteFile(t, canaryBearer)
	good := []string{"gateway http://127.0.0.1:1", "app_id " + appID, "private_key " + key, "gateway_public_key " + public, "merchant_auth_token {file." + token + "}"}
	change := func(option, value string) []string {
		changed := []string{option + " " + value}
		for _, line := range good {
			if !strings.HasPrefix(line, option+" ") {
				changed = append(changed, line)
			}
		}
		return changed
	}
	for name, test := range map[string]struct {
		options             []string
		exitCode            int
		check, result, says string
	}{
		"nothing":            {good, 0, "load", "ok", "Caddy loads it"},
		"unset":              {change("app_id", "{env.PAYERMAX_APP_ID}"), 1, "app_id", "problem", "{env.PAYERMAX_APP_ID} is empty"},
		"the same key":       {change("gateway_public_key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)), 1, "gateway public key", "problem", "the merchant's own public key, not PayerMax's"},
		"another pair":       {change("merchant_public_key", testkeys.WritePublic(t, &testkeys.Stranger().PublicKey)), 1, "merchant public key", "problem", "does not belong to the private key"},
		"1024 bits":          {change("private_key", testkeys.WritePrivate(t, testkeys.New(1024))), 1, "private key", "problem", "1024 bits"},
		"encrypted":          {change("private_key", testkeys.WriteFile(t, encrypt(t, testkeys.PrivatePEM(testkeys.Merchant())))), 1, "private key", "problem", "encrypted with a passphrase"},
		"the wrong file":     {change("private_key", public), 1, "private key", "problem", "it is a public key"},
		"readable by others": {change("private_key", readable), 0, "private key file", "warning", "every user may read the key"},
		"version":            {append(good, "version 9.9"), 0, "settings", "warning", "there are no rules for applyDropinSession 9.9"},
		"limits":             {append(good, "limits {\ncaller_id {http.auth.user.id}\n}"), 1, "load", "problem", "caller_id and callers belong together"},
		"unknown option":     {append(good, "privat_key x"), 1, "config", "problem", "privat_key"},
		"the key itself":     {append(good, testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))), 1, "config", "problem", "looks like a key"},
		"the token itself":   {change("merchant_auth_token", canaryBearer), 1, "config", "problem", "expected a placeholder"},
		"its own key":        {change("private_key", `"`+testkeys.PrivatePEM(testkeys.Merchant())+`"`), 1, "config", "problem", "looks like a key itself"},
	} {
		t.Run(name, func(t *testing.T) {
			file := configFile(t, 8080, test.options...)
			ran, findings := doctorJSON(t, nil, file, "--offline")
			assert.Equal(t, test.exitCode, ran.exitCode, ran.stdout)
			told := false
			for _, f := range findings {
				told = told || f.Check == test.check && f.Result == test.result && strings.Contains(f.Message, test.says)
			}
			assert.True(t, told, ran.stdout)
			people := doctor(t, nil, "--offline", "--config", file)
			assert.Equal(t, test.exitCode, people.exitCode)
			for _, out := range []string{ran.stdout, ran.stderr, people.stdout, people.stderr} {
				requireNoKey(t, out, testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))
				assert.NotContains(t, out, "canary")
			}
		})
	}
}

// The doctor finds out which program already has the sidecar's port: another program is a problem,
// the sidecar itself is not.
func TestDoctorSeesWhoHasThePort(t *testing.T) {
	t.Parallel()
	s := startSidecar(t, setup{gateway: "http://127.0.0.1:1"})
	ran := doctor(t, nil, "--config", s.config)
	assert.Contains(t, ran.stdout, "[ok] port: Caddy already listens on "+s.addr+"; if this sidecar is running, that is it")

	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	address := other.Listener.Addr().(*net.TCPAddr)
	config := configFile(t, address.Port, "gateway sandbox")
	ran = doctor(t, nil, "--config", config)
	assert.Equal(t, 1, ran.exitCode)
	assert.Contains(t, ran.stdout, "[problem] port: another program already listens on "+address.String()+", so the sidecar cannot. Next: stop that program")
	assert.NotContains(t, doctor(t, nil, "--offline", "--config", config).stdout, "] port: ")
}

// The doctor tells apart everything that can be wrong on the network path to the gateway.
func TestDoctorNetwork(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(30*24*time.Hour), time.Now().Add(-time.Minute)
	with := func(a authority, host string, until time.Time) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{a.issue(t, host, until)}}
	}
	old := with(ca, "127.0.0.1", soon)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	skewed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(5*time.Minute).UTC().Format(http.TimeFormat))
	}))
	t.Cleanup(skewed.Close)
	serve := func(config *tls.Config) string { return orderQueryAnswering(t, config, "", nil).url }

	for name, test := range map[string]struct {
		gateway             string
		check, result, says string
	}{
		"plain":           {serve(nil), "tls", "ok", "does not need it"},
		"good":            {serve(with(ca, "127.0.0.1", soon)), "tls", "ok", "certificate for 127.0.0.1, issued by test CA"},
		"TLS 1.1":         {serve(old), "tls", "problem", "supports TLS 1.1 at most"},
		"another CA":      {serve(with(stranger, "127.0.0.1", soon)), "tls", "problem", "not in the transport's tls_trust_pool"},
		"another name":    {serve(with(ca, "gateway.example", soon)), "tls", "problem", "for gateway.example, not for 127.0.0.1"},
		"expired":         {serve(with(ca, "127.0.0.1", past)), "tls", "problem", "has expired"},
		"expires soon":    {serve(with(ca, "127.0.0.1", time.Now().Add(50*time.Hour))), "tls", "warning", "in 2 days"},
		"no TLS":          {strings.Replace(serve(nil), "http:", "https:", 1), "tls", "problem", "does not speak TLS"},
		"another time":    {skewed.URL, "clock", "problem", "s behind the gateway's; PayerMax refuses"},
		"a closed port":   {"https://127.0.0.1:" + strconv.Itoa(testnet.FreePort(t)), "connection", "problem", "refused"},
		"no such host":    {"https://gateway.invalid", "address", "problem", ""},
		"nothing to find": {"sandbox", "gateway", "warning", "no call reaches PayerMax and there is no connection to check"},
	} {
		t.Run(name, func(t *testing.T) {
			options := []string{"gateway " + test.gateway}
			if test.gateway != "sandbox" {
				options = append(options, handlerOptions(t), "gateway_public_key "+testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), ca.trust(t))
			}
			if strings.HasPrefix(test.gateway, "http:") {
				options = options[:3]
			}
			ran, findings := doctorJSON(t, nil, configFile(t, testnet.FreePort(t), options...))
			result, message := results(findings, test.check)
			assert.Equal(t, test.result, result, ran.stdout)
			assert.Contains(t, message, test.says)
			assert.Equal(t, test.result == "problem", ran.exitCode == 1, ran.stdout)
		})
	}
}

// PayerMax's answer, here the sandbox's, explains the result of a call.
func TestDoctorCall(t *testing.T) {
	t.Parallel()
	port := testnet.FreePort(t)
	address := "127.0.0.1:" + strconv.Itoa(port)
	start(t, address, caddyfile(port, fmt.Sprintf("payermax_sandbox {\nmerchant {\napp_id %s\nmerchant_no %s\npublic_key %s\n}\n}",
		appID, merchantNo, testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))), nil)
	sandbox := "http://" + address
	sandboxKey := testkeys.WriteFile(t, get(t, sandbox+"/sandbox/key"))
	fault := func(fault string) {
		request, err := http.NewRequest(http.MethodPut, sandbox+"/sandbox/faults", strings.NewReader(`{"endpoint":"orderQuery","fault":"`+fault+`","times":1}`))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		require.Less(t, answer.StatusCode, 300)
	}
	with := func(app, number, key, public string) []string {
		return []string{"gateway " + sandbox, "app_id " + app, "merchant_no " + number, "private_key " + key, "gateway_public_key " + public}
	}
	key := testkeys.WritePrivate(t, testkeys.Merchant())
	strangers := testkeys.WritePrivate(t, testkeys.Stranger())

	for _, test := range []struct {
		name          string
		options       []string
		fault         string
		exitCode      int
		call, answer  string
		message, next string
	}{
		{"works", with(appID, merchantNo, key, sandboxKey), "", 0, "ok", "ok", "ORDER_NOT_EXIST: PayerMax knows the merchant", ""},
		{"another key", with(appID, merchantNo, strangers, sandboxKey), "", 1, "problem", "ok", "SIGN_VERIFY_FAILED", "check in this order: (1)"},
		{"another app", with("another", merchantNo, key, sandboxKey), "", 1, "problem", "ok", "MERCHANT_APP_INVALID", "compare app_id"},
		{"another merchant", with(appID, "another", key, sandboxKey), "", 1, "problem", "ok", "MERCHANT_INVALID", "compare merchant_no"},
		{"PayerMax's other key", with(appID, merchantNo, key, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)), "", 1, "warning", "problem", "nothing proves that PayerMax answered", ""},
		{"the next key is the key", append(with(appID, merchantNo, strangers, sandboxKey), "next_private_key "+key), "", 0, "warning", "ok", "accepts the next key", "make the next key the private key"},
		{"busy", with(appID, merchantNo, key, sandboxKey), "code=SYSTEM_ERROR", 0, "warning", "ok", "cannot process the request at the moment", "try again"},
		{"another time", with(appID, merchantNo, key, sandboxKey), "code=REQ_TIME_OVER_TIME", 1, "problem", "ok", "more than two minutes", "synchronise this machine's clock"},
		{"a page", with(appID, merchantNo, key, sandboxKey), "html", 1, "problem", "", "but not PayerMax's JSON", ""},
		{"no answer", with(appID, merchantNo, key, sandboxKey), "reset", 1, "problem", "", "closed without an answer", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.fault != "" {
				fault(test.fault)
			}
			ran, findings := doctorJSON(t, nil, configFile(t, testnet.FreePort(t), test.options...), "--call")
			assert.Equal(t, test.exitCode, ran.exitCode, ran.stdout)
			call, message := results(findings, "call")
			answer, _ := results(findings, "answer")
			assert.Equal(t, test.call, call, ran.stdout)
			assert.Equal(t, test.answer, answer, ran.stdout)
			assert.Contains(t, message, test.message)
			assert.Contains(t, message, test.next)
		})
	}
}

// If the checks cannot run at all, the exit code is a different one.
func TestDoctorCouldNotRun(t *testing.T) {
	t.Parallel()
	config := configFile(t, 8080, "gateway sandbox")
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"no file":       {[]string{"--config", config + "s"}, "reading the config"},
		"no Caddyfile":  {nil, "open Caddyfile"},
		"both":          {[]string{"--config", config, "--offline", "--call"}, "--offline and --call cannot be combined"},
		"unknown flag":  {[]string{"--config", config, "--nope"}, "unknown flag: --nope"},
		"an argument":   {[]string{config}, "unexpected argument"},
		"no such value": {[]string{"--json=maybe"}, "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			ran := doctor(t, nil, test.args...)
			assert.Equal(t, 2, ran.exitCode)
			assert.Empty(t, ran.stdout)
			assert.Contains(t, ran.stderr, test.says)
			assert.NotContains(t, ran.stderr, `"level"`, "it is no line of a log")
			assert.NotContains(t, ran.stderr, "Error:", "it is said once")
			assert.True(t, strings.HasSuffix(ran.stderr, "\nSee caddy payermax-doctor --help.\n"), ran.stderr)
		})
	}
}

// The config may also come from standard input, and as JSON.
func TestDoctorReadsJSON(t *testing.T) {
	t.Parallel()
	config := fmt.Sprintf(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"a":{"listen":["127.0.0.1:%d"],"routes":[{"handle":[{"handler":"payermax","sandbox":true}]}]}}}}}`,
		testnet.FreePort(t))
	file := filepath.Join(t.TempDir(), "caddy.json")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	ran, findings := doctorJSON(t, nil, file)
	assert.Zero(t, ran.exitCode)
	result, _ := results(findings, "load")
	assert.Equal(t, "ok", result)

	cmd := caddyCommand(t, t.Context(), nil, "payermax-doctor", "--config", "-", "--adapter", "json")
	cmd.Stdin = strings.NewReader(config)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	assert.Contains(t, string(said), "standard input\n[ok] config")
}
