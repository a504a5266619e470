package e2e

import (
	"context"
	"flag"
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

var updateDocs = flag.Bool("update", false, "rewrite the transcripts in docs/doctor.md and what payermax-demo says")

// varying replaces output that depends on the machine and the time.
var varying = []struct {
	is   *regexp.Regexp
	want string
}{
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:…"},
	{regexp.MustCompile(`\b(takes|in) \d+(\.\d+)?(µs|ms|s)\b`), "$1 …"},
	{regexp.MustCompile(`belongs to user \d+, group \d+`), "belongs to user 65532, group 65532"},
	{regexp.MustCompile(`; this user, root, may read any file.*`), ""},
}

// The transcripts of docs/doctor.md are the doctor's output for the configuration on that page.
func TestDoctorPage(t *testing.T) {
	const page = "../docs/doctor.md"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	config := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindStringSubmatch(string(text))[1]
	transcripts := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Len(t, transcripts, 2)

	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), mode))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	public := testkeys.PublicPEM(&testkeys.Merchant().PublicKey)
	write("private.key", testkeys.PrivatePEM(testkeys.Merchant()), 0o600)
	write("merchant.pub", public, 0o644)

	sandbox, port := testnet.FreePort(t), testnet.FreePort(t)
	startSandbox(t, sandbox, "--app-id", appID, "--public-key", filepath.Join(dir, "merchant.pub"))
	write("payermax.pub", get(t, fmt.Sprintf("http://127.0.0.1:%d/sandbox/key", sandbox)), 0o644)
	ports := strings.NewReplacer("127.0.0.1:9000", fmt.Sprintf("127.0.0.1:%d", sandbox), ":8080", ":"+strconv.Itoa(port))
	write("Caddyfile", ports.Replace(config), 0o600)

	said := func(wantCode int, args ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := caddyCommand(t, ctx, nil, append([]string{"payermax-doctor", "--config", "Caddyfile"}, args...)...)
		cmd.Dir = dir
		stdout, err := cmd.Output()
		if wantCode == 0 {
			require.NoError(t, err, "%s", stdout)
		}
		require.Equal(t, wantCode, cmd.ProcessState.ExitCode(), "%s", stdout)
		told := string(stdout)
		for _, v := range varying { // the fingerprints before the ports, whose digits they may have
			told = v.is.ReplaceAllString(told, v.want)
		}
		return strings.NewReplacer(strconv.Itoa(sandbox), "9000", strconv.Itoa(port), "8080").Replace(told)
	}
	good := "$ caddy payermax-doctor --config Caddyfile --call\n" + said(0, "--call")
	write("payermax.pub", public, 0o644)
	write("private.key", testkeys.PrivatePEM(testkeys.Merchant()), 0o644)
	bad := "$ cp merchant.pub payermax.pub; chmod 0644 private.key\n$ caddy payermax-doctor --config Caddyfile --offline\n" + said(1, "--offline")

	if *updateDocs {
		updated := strings.Replace(string(text), transcripts[0][1], good, 1)
		updated = strings.Replace(updated, transcripts[1][1], bad, 1)
		require.NoError(t, os.WriteFile(page, []byte(updated), 0o644))
		return
	}
	assert.Equal(t, transcripts[0][1], good)
	assert.Equal(t, transcripts[1][1], bad)
}
