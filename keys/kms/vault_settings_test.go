package kms

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
)

// goodVault returns valid options, for tests that make one of them invalid.
func goodVault() *Vault {
	return &Vault{Address: "https://vault.example.com:8200", KeyName: "payermax", TokenFile: "/run/vault/token"}
}

func TestVaultSettings(t *testing.T) {
	t.Setenv("TEST_VAULT_HOST", "bao.example.com")
	v := goodVault()
	v.Address = "https://{env.TEST_VAULT_HOST}:8200"

	s, err := v.expand(caddy.NewReplacer())

	require.NoError(t, err)
	assert.Equal(t, "https://bao.example.com:8200", s.address.String())
	assert.Equal(t, "transit", s.mount)
	assert.Equal(t, vault.TokenFile{Path: "/run/vault/token"}, s.method)
	assert.Equal(t, "https://{env.TEST_VAULT_HOST}:8200", v.Address, "the config keeps the placeholder")
}

func TestVaultKubernetesSettings(t *testing.T) {
	v := goodVault()
	v.TokenFile = ""
	v.Kubernetes = &VaultKubernetes{Role: "payments"}

	s, err := v.expand(caddy.NewReplacer())

	require.NoError(t, err)
	assert.Equal(t, vault.Kubernetes{
		Mount: "kubernetes", Role: "payments",
		ServiceAccountToken: "/var/run/secrets/kubernetes.io/serviceaccount/token",
	}, s.method)
}

func TestVaultSettingsRefuse(t *testing.T) {
	t.Setenv("TEST_VAULT_TOKEN", "hvs.CANARY")
	t.Setenv("TEST_VAULT_EMPTY", "")
	dir := t.TempDir()
	notPEM := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("CANARY"), 0o600))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	tokenFile := filepath.Join(dir, "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte("hvs.CANARY"), 0o600))

	for name, test := range map[string]struct {
		spoil func(v *Vault)
		err   string
	}{
		"no address":          {func(v *Vault) { v.Address = "" }, "address: required"},
		"bad address":         {func(v *Vault) { v.Address = "vault:8200" }, "address: must be a URL"},
		"plain text":          {func(v *Vault) { v.Address = "http://vault:8200" }, "address: would send the token to vault in plain text"},
		"password":            {func(v *Vault) { v.Address = "https://u:CANARY@vault:8200" }, "address: contains credentials"},
		"no key":              {func(v *Vault) { v.KeyName = "" }, "key: required"},
		"bad key":             {func(v *Vault) { v.KeyName = "../other" }, "key: \"../other\" is not a name"},
		"bad mount":           {func(v *Vault) { v.Mount = "/transit/" }, "mount: \"/transit/\" is not a mount path"},
		"bad namespace":       {func(v *Vault) { v.Namespace = "a b" }, "namespace: \"a b\" is not"},
		"empty placeholder":   {func(v *Vault) { v.Namespace = "{env.TEST_VAULT_EMPTY}" }, "namespace: evaluated placeholder"},
		"unknown placeholder": {func(v *Vault) { v.KeyName = "{nonsense}" }, "key: unrecognized placeholder"},
		"no method":           {func(v *Vault) { v.TokenFile = "" }, "token_file or kubernetes is required"},
		"two methods":         {func(v *Vault) { v.Kubernetes = &VaultKubernetes{Role: "a"} }, "two ways to get a token; choose one"},
		"token":               {func(v *Vault) { v.TokenFile = "hvs.CANARY" }, "token_file: must be the absolute path"},
		"token by env":        {func(v *Vault) { v.TokenFile = "{env.TEST_VAULT_TOKEN}" }, "token_file: must be the absolute path"},
		"token by file":       {func(v *Vault) { v.TokenFile = "{file." + tokenFile + "}" }, "token_file: must be the absolute path"},
		"no role":             {func(v *Vault) { v.TokenFile, v.Kubernetes = "", &VaultKubernetes{} }, "kubernetes: role: required"},
		"bad auth mount": {func(v *Vault) {
			v.TokenFile, v.Kubernetes = "", &VaultKubernetes{Role: "a", Mount: "auth/../a"}
		}, "kubernetes: mount:"},
		"JWT": {func(v *Vault) {
			v.TokenFile, v.Kubernetes = "", &VaultKubernetes{Role: "a", ServiceAccountToken: "{env.TEST_VAULT_TOKEN}"}
		}, "kubernetes: service_account_token: must be the absolute path"},
		"no CA":         {func(v *Vault) { v.CA = filepath.Join(dir, "none") }, "ca: open "},
		"CA is a pipe":  {func(v *Vault) { v.CA = pipe }, "ca: " + pipe + ": is not a regular file"},
		"CA is not PEM": {func(v *Vault) { v.CA = notPEM }, "contains no certificate; it must be PEM"},
		"timeout":       {func(v *Vault) { v.Timeout = -1 }, "timeout must be a duration"},
		"refresh":       {func(v *Vault) { v.Refresh = -1 }, "refresh must be a duration"},
		"max_in_flight": {func(v *Vault) { v.MaxInFlight = -1 }, "max_in_flight: must be positive"},
		"version":       {func(v *Vault) { v.Version = -1 }, "version: must be positive"},
	} {
		t.Run(name, func(t *testing.T) {
			v := goodVault()
			test.spoil(v)
			ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
			defer cancel()

			err := v.Provision(ctx)

			require.ErrorContains(t, err, test.err)
			assert.NotContains(t, err.Error(), "CANARY")
			assert.NoError(t, v.Cleanup(), "Caddy cleans up after a failed Provision")
		})
	}
}
