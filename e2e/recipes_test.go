package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// recipes is the directory of the programs of docs/recipes.md.
const recipes = "../examples/callers"

// recipe is a program that calls the sidecar, in one of the languages that applications are written
// in.
type recipe struct {
	language string
	// needs are the commands that must be installed.
	needs []string
	// prepare compiles the program if necessary, and returns the command that runs it.
	prepare func(t *testing.T) []string
	// unix is true if the language's library speaks HTTP over Unix sockets.
	unix bool
}

// command returns the command that runs the program, or skips the test if something it needs is
// missing.
func (r recipe) command(t *testing.T) []string {
	t.Helper()
	for _, needed := range r.needs {
		testtool.Find(t, needed)
	}
	return r.prepare(t)
}

// programs are the recipes, the slowest first.
var programs = []recipe{
	{language: "java", needs: []string{"java", "javac"}, prepare: func(t *testing.T) []string {
		classes := t.TempDir()
		mustRun(t, "javac", "-d", classes, recipes+"/java/Checkout.java", recipes+"/java/Json.java")
		java := func(option string) []string {
			return []string{"java", option, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes, "Checkout"} // these options make it start sooner
		}
		// With the classes archived by a first run, it starts in half the time, if this version of
		// Java supports that.
		kept := filepath.Join(classes, "kept.jsa")
		run(t, java("-XX:ArchiveClassesAtExit="+kept), newOrders(t, nil).url, "P1")
		if _, err := os.Stat(kept); err != nil {
			return java("-Xshare:auto")
		}
		return java("-XX:SharedArchiveFile=" + kept)
	}},
	{language: "go", needs: []string{"go"}, unix: true, prepare: func(t *testing.T) []string {
		program := filepath.Join(t.TempDir(), "checkout")
		mustRun(t, "go", "build", "-o", program, recipes+"/go")
		return []string{program}
	}},
	{language: "node", needs: []string{"node"}, unix: true, prepare: func(*testing.T) []string {
		return []string{"node", recipes + "/node/checkout.mjs"}
	}},
	{language: "php", needs: []string{"php"}, unix: true, prepare: func(t *testing.T) []string {
		if exec.Command("php", "-r", "exit(extension_loaded('curl') ? 0 : 1);").Run() != nil {
			testtool.Missing(t, "php's curl extension", "apt-get install php-curl")
		}
		return []string{"php", recipes + "/php/checkout.php"}
	}},
	{language: "python", needs: []string{"python3"}, unix: true, prepare: func(t *testing.T) []string {
		// Bypasses a version manager's shim, which can take longer than the program.
		python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
		require.NoError(t, err)
		return []string{strings.TrimSpace(string(python)), recipes + "/python/checkout.py"}
	}},
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	said, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// run runs a program against the sidecar at the URL, and returns its output and its exit code.
func run(t *testing.T, command []string, payermaxURL string, args ...string) (said string, exitCode int) {
	t.Helper()
	return begin(t, command, payermaxURL, args...)()
}

// begin is like run for a slow program: it returns at once, and the returned function waits for the
// end.
func begin(t *testing.T, command []string, payermaxURL string, args ...string) func() (said string, exitCode int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], args...)...)
	cmd.Env = append(os.Environ(), "PAYERMAX_URL="+payermaxURL)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		cmd.Env = append(cmd.Env, name+"=http://127.0.0.1:9") // nothing listens there
	}
	said := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	return func() (string, int) {
		_ = cmd.Wait() // the exit code says more
		return said.String(), cmd.ProcessState.ExitCode()
	}
}

// startRecipeSidecar runs the recipes' Caddyfile, with a Unix socket as well, as the page
// describes.
func startRecipeSidecar(t *testing.T) (tcp, unix string) {
	t.Helper()
	config, err := os.ReadFile(recipes + "/Caddyfile")
	require.NoError(t, err)
	// A socket's path must be short, and that of t.TempDir is not.
	folder, err := os.MkdirTemp("", "payermax")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	socket := filepath.Join(folder, "payermax.sock")
	port := strconv.Itoa(testnet.FreePort(t))
	withSocket := strings.Replace(string(config), "bind 127.0.0.1", "bind 127.0.0.1 unix/"+socket+"|0660", 1)
	require.NotEqual(t, string(config), withSocket)
	s := start(t, "127.0.0.1:"+port, withSocket, []string{"PAYERMAX_PORT=" + port})
	return "http://" + s.addr, "unix:" + socket
}

// Each program handles everything that docs/errors.md tells an application to expect.
func TestRecipes(t *testing.T) {
	t.Parallel()
	nobody := "http://127.0.0.1:" + strconv.Itoa(testnet.FreePort(t))
	lost := startSidecar(t, setup{gateway: nobody, options: "fail_duration 1m"})
	unauthorized := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(unauthorized.Close)
	var ran atomic.Int32
	t.Cleanup(func() {
		lost.Prints(t, 3*int(ran.Load()), `"payermax.outcome":"not_sent"`) // three attempts of each program
	})
	for _, r := range programs {
		t.Run(r.language, func(t *testing.T) {
			t.Parallel()
			command := r.command(t)
			unreachable, absent := begin(t, command, "http://"+lost.addr, "P1"), begin(t, command, nobody, "P1")
			tcp, unix := startRecipeSidecar(t)
			testRecipeOutcomes(t, command, tcp)
			if r.unix {
				said, _ := run(t, command, unix, "P9")
				assert.Regexp(t, "^"+session+`order P9: SUCCESS\n$`, said)
			}

			// A wrong password is not an unknown outcome, although Caddy's 401 has no body.
			said, exitCode := run(t, command, unauthorized.URL, "P1")
			assert.Regexp(t, `^refused: .*401.* before the sidecar saw the request\n$`, said)
			assert.Equal(t, 1, exitCode)

			// A call that cannot be sent is tried three times: because PayerMax cannot be reached,
			// and the sidecar asks for a delay (Retry-After); or because there is no sidecar.
			ran.Add(1)
			said, exitCode = unreachable()
			assert.Equal(t, "not sent: SYSTEM_ERROR\n", said)
			assert.Equal(t, 1, exitCode)
			said, exitCode = absent()
			assert.Equal(t, "not sent: the sidecar is not there\n", said)
			assert.Equal(t, 1, exitCode)
		})
	}
}

// session matches a program's output about its session.
const session = `session: [0-9a-f]{32}\n`

// testRecipeOutcomes makes PayerMax behave well, strictly, slowly and badly.
func testRecipeOutcomes(t *testing.T, command []string, sidecar string) {
	type fault struct {
		endpoint, fault string
		times           int
	}
	for _, test := range []struct {
		name     string
		faults   []fault
		args     []string
		says     string // the output, as a regular expression
		exitCode int
	}{
		{"paid", nil, []string{"P1"}, session + `order P1: SUCCESS\n`, 0},
		{"sent before, by a run that was interrupted", nil, []string{"P1"},
			session + `order P1: outcome unknown \(ORDER_REPEAT\), asking PayerMax\norder P1: SUCCESS\n`, 0},
		{"refused", nil, []string{"P2", "idr"},
			`refused: PARAMS_INVALID: data\.currency .*\n  /data/currency: data\.currency must be 3 capital letters.*\n`, 1},
		{"paid, but the answer is lost", []fault{{"orderAndPay", "reset", 1}}, []string{"P3"},
			session + `order P3: outcome unknown \(REQUEST_TIMEOUT\), asking PayerMax\norder P3: SUCCESS\n`, 0},
		{"paid, but the answer is no JSON", []fault{{"orderAndPay", "garbage", 1}}, []string{"P4"},
			session + `order P4: outcome unknown \(.+\), asking PayerMax\norder P4: SUCCESS\n`, 0},
		{"no session at the first try, no order at the first, and then PayerMax is busy",
			[]fault{{"applyDropinSession", "truncate", 1}, {"orderAndPay", "html=503", 1}, {"orderAndPay", "throttle", 1}}, []string{"P5"},
			session + `order P5: outcome unknown \(CHECK_SIGN_ERROR\), asking PayerMax\n` +
				`order P5: not there yet\norder P5: outcome unknown \(TOO_MANY_REQUEST\), asking PayerMax\n` +
				`order P5: not there yet\norder P5: SUCCESS\n`, 0},
		{"paid, but PayerMax cannot be asked", []fault{{"orderAndPay", "wrong-signature", 1}, {"orderQuery", "reset", 3}}, []string{"P6"},
			session + `order P6: outcome unknown \(CHECK_SIGN_ERROR\), asking PayerMax\noutcome unknown: .*\n`, 1},
	} {
		for _, f := range test.faults {
			(&shop{t: t, sandbox: sidecar}).fault(f.endpoint, f.fault, f.times)
		}
		said, exitCode := run(t, command, sidecar, test.args...)
		assert.Regexp(t, "^"+test.says+"$", said, test.name)
		assert.Equal(t, test.exitCode, exitCode, test.name)
	}
	assert.Equal(t, 1, ordersSent(t, sidecar, "P3"), "an order that was paid is not sent again")
	assert.Equal(t, 3, ordersSent(t, sidecar, "P5"))
}

// ordersSent returns how many orders with that number reached the sandbox.
func ordersSent(t *testing.T, sandbox, outTradeNo string) int {
	t.Helper()
	var calls []struct{ Endpoint, Body string }
	require.NoError(t, json.Unmarshal([]byte(get(t, sandbox+"/sandbox/calls")), &calls))
	count := 0
	for _, call := range calls {
		if call.Endpoint == "orderAndPay" && strings.Contains(call.Body, `"`+outTradeNo+`"`) {
			count++
		}
	}
	return count
}

// The excerpts on the page match the programs exactly.
func TestRecipesPage(t *testing.T) {
	t.Parallel()
	excerpts := regexp.MustCompile("(?s)<!-- (\\S+) -->\n```\\w+\n(.*?)```").FindAllStringSubmatch(markdown.Page(t, "../docs/recipes.md"), -1)
	shown := make(map[string]bool)
	for _, excerpt := range excerpts {
		file, err := os.ReadFile(filepath.Join("..", excerpt[1]))
		require.NoError(t, err)
		assert.Contains(t, string(file), excerpt[2], excerpt[1])
		shown[filepath.Base(filepath.Dir(excerpt[1]))] = true
	}
	for _, r := range programs {
		assert.True(t, shown[r.language], r.language)
	}
}

// Caddy accepts the complete Caddyfiles on the pages.
func TestPagesCaddyfiles(t *testing.T) {
	t.Parallel()
	pages := markdown.Page(t, "../docs/recipes.md") + markdown.Page(t, "../docs/migration.md")
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(pages, -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		require.NoError(t, os.WriteFile(file, []byte(block[1]), 0o600))
		for _, args := range [][]string{{"adapt", "--adapter", "caddyfile", "--config", file}, {"fmt", "--diff", file}} {
			said, err := caddyCommand(t, context.Background(), nil, args...).CombinedOutput()
			assert.NoError(t, err, "%s\n%s", block[1], said)
		}
	}
}

// The migration page describes what the tests of the SDKs have tried.
func TestMigrationPage(t *testing.T) {
	t.Parallel()
	page := markdown.Page(t, "../docs/migration.md")
	for _, words := range []string{
		"endpoints drop_in",
		`setBaseUrl("http://127.0.0.1:8080` + javaSDK.base + `")`,
		`"http://127.0.0.1:8080` + goSDK.base + `",`,
		`setConfig($merchantConfig, 'http://127.0.0.1:8080` + phpSDK.base + `')`,
	} {
		assert.Contains(t, page, words)
	}

	command := regexp.MustCompile(`(?m)^openssl .*$`).FindString(page)
	testtool.Find(t, "openssl")
	testtool.Find(t, "sh")
	key, err := exec.Command("sh", "-c", command).Output()
	require.NoError(t, err)
	der, err := base64.StdEncoding.Strict().DecodeString(string(key))
	require.NoError(t, err)
	_, err = x509.ParsePKCS8PrivateKey(der)
	assert.NoError(t, err)
}
