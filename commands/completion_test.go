package commands_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The shell completes values where there is a choice, and file names where a path is
// expected.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"payermax-convert --to":     "base64\nder\npkcs1-pem\npkcs8-pem\npublic-base64\npublic-pem\n:4\n",
		"payermax-keygen --bits":    "2048\n3072\n4096\n:4\n",
		"payermax-keygen --out":     ":0\n",
		"payermax-verify --body":    ":0\n",
		"payermax-verify --sign":    ":4\n",
		"payermax-demo --port":      "8080\n0\n:4\n",
		"payermax-sandbox --app-id": ":4\n",
		"payermax-health --timeout": "1s\n5s\n:4\n",
		"payermax-sandbox --listen": "127.0.0.1:9000\n:4\n",
	} {
		r := run{dir: t.TempDir()}
		got := r.caddy(t, append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
		assert.Equal(t, want, got.stdout, args)
	}
}

// Manual pages contain the whole synopsis, although their generator takes <path> for an
// HTML tag.
func TestManualPages(t *testing.T) {
	t.Parallel()
	r := run{dir: t.TempDir()}
	require.Zero(t, r.caddy(t, "manpage", "-o", ".").code)
	for _, tool := range append([]string{"payermax-demo", "payermax-sandbox", "payermax-doctor"}, tools...) {
		page, err := os.ReadFile(filepath.Join(r.dir, "caddy-"+tool+".8"))
		require.NoError(t, err)
		usage := regexp.MustCompile(`(?m)^ +caddy (` + tool + ` .*?) ?(?:\[flags\])?$`).FindStringSubmatch(r.caddy(t, tool, "--help").stdout)
		require.NotNil(t, usage, tool)
		assert.NotContains(t, usage[1], "<", tool)
		assert.Contains(t, strings.ReplaceAll(string(page), `\-`, "-"), usage[1], tool)
	}
}
