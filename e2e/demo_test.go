package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// The README's first command shows the main job step by step.
func TestDemo(t *testing.T) {
	t.Parallel()
	stood := testtool.Standstill(t)
	demo := testprocess.Start(t, caddyCommand(t, context.Background(), nil, "payermax-demo", "--port", "0"))
	demo.AwaitLine(t, "The gateway was not called.") // the last step
	over := time.Now()
	told := string(demo.Wait(t, time.Minute))
	require.Zero(t, demo.ExitCode())
	// The sidecar's shutdown_delay is 5 s.
	assert.Less(t, time.Since(over), 4*time.Second+stood(), "the story is over, and the demonstration is not")
	requireFits(t, told)
	whole, err := os.ReadFile(demoText)
	require.NoError(t, err)
	story, _, _ := strings.Cut(string(whole), "\nYour turn;")
	assert.Equal(t, story, alikeEverywhere(told))
}

// A demonstration whose output nobody reads to the end, as with head, leaves no key behind.
func TestDemoThatNobodyReads(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	temporary := t.TempDir()
	cmd := caddyCommand(t, ctx, []string{"TMPDIR=" + temporary}, "payermax-demo", "--port", "0")
	read, write, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = write
	require.NoError(t, cmd.Start())
	require.NoError(t, write.Close())
	_, err = read.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, read.Close())
	assert.NoError(t, cmd.Wait())
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// demoText is the file with the expected output of payermax-demo --serve.
const demoText = "testdata/demo.txt"

// alikeEverywhere replaces what differs between demonstrations: keys, ports, signatures and the
// time.
func alikeEverywhere(told string) string {
	for _, own := range []struct{ is, as string }{
		{`sha256:[0-9a-f]{64}`, "sha256:FINGERPRINT"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`Sign: [\w+/]{48}\.\.\.`, "Sign: BASE64..."},
		{`"(requestTime|clientKey|sessionKey)": "[^"]+"`, `"$1": "..."`},
		{`, from \S+`, ", from CADDYFILE"},
	} {
		told = regexp.MustCompile(own.is).ReplaceAllString(told, own.as)
	}
	return told
}

// With --serve, the demonstration stays up for the reader's own calls until it is interrupted.
func TestDemoServes(t *testing.T) {
	t.Parallel()
	port := strconv.Itoa(testnet.FreePort(t))
	cmd := caddyCommand(t, context.Background(), nil, "payermax-demo", "--serve", "--port", port)
	demo := testprocess.Start(t, cmd)
	var told string
	demo.Await(t, "to invite the reader", func(soFar testprocess.Printed) bool {
		told = string(soFar)
		return soFar.Has("docs/quick-start.md\n")
	})
	requireFits(t, told)
	if *updateDocs {
		require.NoError(t, os.WriteFile(demoText, []byte(alikeEverywhere(told)), 0o644))
	}
	wanted, err := os.ReadFile(demoText)
	require.NoError(t, err)
	assert.Equal(t, string(wanted), alikeEverywhere(told))

	// The page that it names exists, and shows the calls.
	page := regexp.MustCompile(`http://[0-9.:]+/sandbox/`).FindString(told)
	require.NotEmpty(t, page)
	shown, err := http.Get(page)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, shown.StatusCode)
	shown.Body.Close()

	answer, err := http.Post("http://127.0.0.1:"+port+"/aggregate-pay/api/gateway/applyDropinSession", "application/json",
		strings.NewReader(`{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`))
	if assert.NoError(t, err) {
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		answer.Body.Close()
	}

	// The commands that it suggests work.
	t.Run("what it says to try", func(t *testing.T) {
		bash := testtool.Find(t, "bash")
		testtool.Find(t, "curl")
		commands := regexp.MustCompile(`(?m)^  curl (?:.*\\\n)+(?:.*[^'\n]\n)*.*'$`).FindAllString(told, -1)
		require.Len(t, commands, 2)
		for i, says := range []string{"APPLY_SUCCESS", "", "CHECK_SIGN_ERROR"} {
			said, err := exec.Command(bash, "-c", commands[i%2]).CombinedOutput()
			require.NoError(t, err, "%s", said)
			assert.Contains(t, string(said), says)
		}
	})

	demo.Signal(t, os.Interrupt)
	demo.Wait(t, patience)
	assert.Zero(t, demo.ExitCode())
}

// requireFits checks that a terminal of 80 columns shows the text as it is, and that it has no
// colours.
func requireFits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\r\n")), 80, line)
	}
	assert.NotContains(t, text, "\x1b")
}

// The sandbox command, which runs without a sidecar, says what it needs.
func TestSandboxCommandRefuses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for words, args := range map[string][]string{
		"--app-id and --public-key are required":                                {},
		"--public-key: public key file no.pub":                                  {"--app-id", "app", "--public-key", "no.pub"},
		"--private-key: private key file no.key":                                {"--app-id", "app", "--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "--private-key", "no.key"},
		"--time-scale must be a positive number":                                {"--app-id", "app", "--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "--time-scale", "0"},
		"--listen must be an address and a port such as 127.0.0.1:9000, but is": {"--app-id", "app", "--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "--listen", "70000"},
		"listen tcp": {"--app-id", "app", "--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "--listen", taken.Addr().String()},
	} {
		said, err := caddyCommand(t, context.Background(), nil, append([]string{"payermax-sandbox"}, args...)...).CombinedOutput()
		code := 2 // the arguments are wrong
		if strings.HasPrefix(words, "listen") {
			code = 1
		}
		var exit *exec.ExitError
		if assert.ErrorAs(t, err, &exit) {
			assert.Equal(t, code, exit.ExitCode(), words)
		}
		assert.Contains(t, string(said), words)
		assert.True(t, strings.HasPrefix(string(said), "caddy payermax-sandbox: "), "%s", said)
	}
}
