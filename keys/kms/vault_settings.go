package kms

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
)

// vaultSettings are the options with their placeholders expanded. They are kept separate
// from the exported fields, which are the config that Caddy's admin endpoint and autosave
// show.
type vaultSettings struct {
	address   *url.URL
	namespace string
	mount     string
	key       string
	method    vault.Method
	roots     *x509.CertPool
}

// expand expands the placeholders and checks the options.
func (v *Vault) expand(repl *caddy.Replacer) (vaultSettings, error) {
	var s vaultSettings
	var address, ca string
	for _, option := range []struct {
		name, value string
		target      *string
	}{
		{"address", v.Address, &address},
		{"namespace", v.Namespace, &s.namespace},
		{"mount", cmp.Or(v.Mount, defaultVaultMount), &s.mount},
		{"key", v.KeyName, &s.key},
		{"ca", v.CA, &ca},
	} {
		var err error
		if *option.target, err = setting.Replace(repl, option.value, true, true); err != nil {
			return s, fmt.Errorf("%s: %w", option.name, err)
		}
	}

	var err error
	switch {
	case address == "":
		return s, errors.New("address: required; it is the server's URL, such as https://vault.example.com:8200")
	case s.key == "":
		return s, errors.New("key: required; it is the name of the transit key")
	}
	if s.address, err = vault.ParseAddress(address); err != nil {
		return s, fmt.Errorf("address: %w", err)
	}
	if err := vault.CheckKeyName(s.key); err != nil {
		return s, fmt.Errorf("key: %w", err)
	}
	if err := vault.CheckMount(s.mount); err != nil {
		return s, fmt.Errorf("mount: %w", err)
	}
	if s.namespace != "" {
		if err := vault.CheckNamespace(s.namespace); err != nil {
			return s, fmt.Errorf("namespace: %w", err)
		}
	}
	if s.method, err = v.loginMethod(repl); err != nil {
		return s, err
	}
	if ca != "" {
		if s.roots, err = vaultAuthorities(ca); err != nil {
			return s, fmt.Errorf("ca: %w", err)
		}
	}
	return s, nil
}

// loginMethod returns the configured way to obtain a token.
func (v *Vault) loginMethod(repl *caddy.Replacer) (vault.Method, error) {
	switch {
	case v.TokenFile != "" && v.Kubernetes != nil:
		return nil, errors.New("token_file and kubernetes are two ways to get a token; choose one")
	case v.TokenFile != "":
		path, err := vaultSecretPath(repl, v.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token_file: %w", err)
		}
		return vault.TokenFile{Path: path}, nil
	case v.Kubernetes != nil:
		return v.Kubernetes.method(repl)
	}
	return nil, errors.New("token_file or kubernetes is required, to get a token")
}

func (k *VaultKubernetes) method(repl *caddy.Replacer) (vault.Method, error) {
	role, err := setting.Replace(repl, k.Role, true, true)
	switch {
	case err != nil:
		return nil, fmt.Errorf("kubernetes: role: %w", err)
	case role == "":
		return nil, errors.New("kubernetes: role: required; it is a role of the server's Kubernetes auth method")
	}
	mount, err := setting.Replace(repl, cmp.Or(k.Mount, defaultVaultKubernetesMount), true, true)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: mount: %w", err)
	}
	if err := vault.CheckMount(mount); err != nil {
		return nil, fmt.Errorf("kubernetes: mount: %w", err)
	}
	path, err := vaultSecretPath(repl, cmp.Or(k.ServiceAccountToken, defaultServiceAccountToken))
	if err != nil {
		return nil, fmt.Errorf("kubernetes: service_account_token: %w", err)
	}
	return vault.Kubernetes{Mount: mount, Role: role, ServiceAccountToken: path}, nil
}

// vaultSecretPath expands the path of a file with a secret. A value that is not an
// absolute path may be the secret itself, configured by mistake as {env.VAULT_TOKEN} or
// {file.*}. Such a value is refused here without repeating it, because an error of the
// file system would repeat it.
func vaultSecretPath(repl *caddy.Replacer, value string) (string, error) {
	path, err := setting.Replace(repl, value, true, true)
	switch {
	case err != nil:
		return "", err
	case !filepath.IsAbs(path):
		return "", errors.New("must be the absolute path of a file that contains the token, never the token itself")
	}
	return path, nil
}

// maxAuthorities is the largest file of certificates that is read, in bytes. The
// certificates of all public authorities take about 250 KiB.
const maxAuthorities = 1 << 20

// vaultAuthorities reads the authorities that are trusted for Vault's certificate.
func vaultAuthorities(path string) (*x509.CertPool, error) {
	content, err := regular.Read(path, maxAuthorities)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s contains no certificate; it must be PEM", path)
	}
	return roots, nil
}
