package redis

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
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// deployed is the directory of the manifests.
const deployed = "../../deploy/kubernetes/"

// The commands on the manifests' page create a password and server users that match.
func TestDeployedUsers(t *testing.T) {
	for _, program := range []string{"sh", "head", "base64", "tr", "sha256sum", "cut"} {
		testtool.Find(t, program)
	}
	folder := t.TempDir()
	for _, block := range markdown.Blocks(markdown.Page(t, deployed+"README.md")) {
		if commands, _, found := strings.Cut(block.Text, "kubectl create secret generic payermax-store"); found {
			command := exec.Command("sh", "-euc", commands)
			command.Dir = folder
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
	}
	server := startServer(t, "--aclfile", filepath.Join(folder, "users.acl"))
	s := open(t, Settings{Addresses: []string{server.address}, Username: "payermax", PasswordFile: filepath.Join(folder, "password")})
	_, _, err := s.Claim(t.Context(), stores.NewScope("test").Key("thing"), lifetime)
	require.NoError(t, err)
	assert.ErrorContains(t, server.client().Keys(t.Context(), "*").Err(), "NOAUTH")
}

// A binary with this module accepts the shared gateway's Caddyfile, which configures the
// store.
func TestDeployedCaddyfile(t *testing.T) {
	t.Setenv("PAYERMAX_GATEWAY", "uat")
	text, err := os.ReadFile(deployed + "components/shared-store/gateway.caddyfile")
	require.NoError(t, err)
	config := adapt(t, string(text))
	assert.Contains(t, config, `"payermax_store":{"store":{"addresses":["payermax-store:6379"],"module":"redis","password_file":"/run/secrets/store/password","username":"payermax"}}`)
}
