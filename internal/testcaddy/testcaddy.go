// Package testcaddy treats a handler in a test like Caddy and a client would.
package testcaddy

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/logging" // the log modules that Loaded uses
	"github.com/stretchr/testify/require"
)

// Module is a module that Caddy loads, uses and cleans up.
type Module interface {
	caddy.Provisioner
	caddy.Validator
	caddy.CleanerUpper
}

// Context returns the context of a new config that Caddy has provisioned: without one,
// there are no apps.
func Context(t testing.TB) caddy.Context {
	t.Helper()
	config, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(config)
	t.Cleanup(cancel)
	return ctx
}

// Provision loads a module from its own JSON, in Caddy's order, and cleans it up at the
// end of the test. T is the module's struct, and M is a pointer to it.
func Provision[T any, M interface {
	*T
	Module
}](t testing.TB, m M) error {
	t.Helper()
	config, err := json.Marshal(m)
	require.NoError(t, err)
	var fresh T
	*m = fresh
	require.NoError(t, caddy.StrictUnmarshalJSON(config, m))

	ctx := Context(t)
	t.Cleanup(func() { require.NoError(t, m.Cleanup()) })
	if err := m.Provision(ctx); err != nil {
		return err
	}
	return m.Validate()
}

// Adapted returns a Caddyfile in Caddy's JSON, decoded.
func Adapted(t testing.TB, caddyfile string) map[string]any {
	t.Helper()
	text, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, json.Unmarshal(text, &config))
	return config
}

// Loaded loads a config like caddy validate, and returns what was logged.
func Loaded(t testing.TB, config map[string]any) (string, error) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	config["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{
		"writer": map[string]any{"output": "file", "filename": log}, "encoder": map[string]any{"format": "json"}}}}
	text, err := json.Marshal(config)
	require.NoError(t, err)
	read := new(caddy.Config)
	require.NoError(t, caddy.StrictUnmarshalJSON(text, read))
	failed := caddy.Validate(read)
	logged, err := os.ReadFile(log)
	require.NoError(t, err)
	return string(logged), failed
}

// Unreachable returns a next handler that fails the test if it is called.
func Unreachable(t testing.TB) caddyhttp.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) error {
		t.Error("the request was passed on")
		return nil
	}
}

// WithBody replaces the body of a request, and declares its length, which may be wrong.
func WithBody(r *http.Request, body string, length int64) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), length
}
