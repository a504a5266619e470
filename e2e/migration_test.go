package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// snippet returns the only block of docs/migration.md in a language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/migration.md")
	require.NoError(t, err)
	var found []string
	for _, block := range markdown.Blocks(string(page)) {
		if block.Language == language {
			found = append(found, block.Text)
		}
	}
	require.Len(t, found, 1, language)
	return found[0]
}

// inFiles writes files below a new directory and returns the directory.
func inFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// The snippets of docs/migration.md compile against the signatures of the SDKs. The stubs here have
// the signatures of the SDKs' sources, without implementations.

// github.com/shareit-payermax/payermax-server-sdk-go@9ea282b0 payermax/payermax.go
func TestMigrationSnippetGo(t *testing.T) {
	t.Parallel()
	dir := inFiles(t, map[string]string{
		"go.mod":     "module snippet\n\ngo 1.21\n\nrequire example.com/sdk v0.0.0\n\nreplace example.com/sdk => ./sdk\n",
		"sdk/go.mod": "module example.com/sdk\n\ngo 1.21\n",
		"sdk/payermax/payermax.go": `package payermax

import "time"

type ClientSettings struct {
	ClientTimeout time.Duration
	BaseUrl       string
}

type Client struct{ settings ClientSettings }

func (c *Client) Base() string { return c.settings.BaseUrl }

func CreateClient(appId, merchantNo, merchantPrivateKey, payermaxPublicKey, spMerchantNo, merchantAuthToken string, settings ClientSettings) (*Client, error) {
	return &Client{settings}, nil
}
`,
		"main.go": "package main\n\nimport (\n\t\"time\"\n\n\t\"example.com/sdk/payermax\"\n)\n\nfunc main() {\n\tvar appId, merchantNo, dummyKey, payermaxPublicKey string\n" +
			snippet(t, "go") + "\tif err == nil {\n\t\tprint(client.Base())\n\t}\n}\n",
	})
	cmd := exec.Command("go", "run", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Equal(t, "http://127.0.0.1:8080"+goSDK.base, string(said))
}

// github.com/payermax-all/payermax-server-sdk@7f0556c9 DefaultPayermaxClient.java
func TestMigrationSnippetJava(t *testing.T) {
	t.Parallel()
	testtool.Find(t, "javac")
	dir := inFiles(t, map[string]string{
		"DefaultPayermaxClient.java": `interface PayermaxClient { void setBaseUrl(String baseUrl); }
class DefaultPayermaxClient implements PayermaxClient {
	static PayermaxClient getInstance() { return new DefaultPayermaxClient(); }
	public void setBaseUrl(String baseUrl) { System.out.print(baseUrl); }
}
`,
		"Snippet.java": "class Snippet { public static void main(String[] args) {\n" + snippet(t, "java") + "\n} }\n",
	})
	said, err := exec.Command("javac", "-d", dir, filepath.Join(dir, "DefaultPayermaxClient.java"), filepath.Join(dir, "Snippet.java")).CombinedOutput()
	require.NoError(t, err, "%s", said)
	said, err = exec.Command("java", "-cp", dir, "Snippet").CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Equal(t, "http://127.0.0.1:8080"+javaSDK.base, string(said))
}

// github.com/shareit-payermax/payermax-server-sdk-php@4f9fd330 src/client/PayermaxClient.php
func TestMigrationSnippetPHP(t *testing.T) {
	t.Parallel()
	testtool.Find(t, "php")
	dir := inFiles(t, map[string]string{"snippet.php": "<?php\ndeclare(strict_types=1);\nclass MerchantConfig {}\n" +
		"class PayermaxClient { public static function setConfig(MerchantConfig $merchantConfig, string $env = '') { echo $env; } }\n" +
		"$merchantConfig = new MerchantConfig();\n" + snippet(t, "php")})
	said, err := exec.Command("php", filepath.Join(dir, "snippet.php")).CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Equal(t, "http://127.0.0.1:8080", strings.TrimSpace(string(said)))
}
