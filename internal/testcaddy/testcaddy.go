// Package testcaddy does to a handler in a test what Caddy and a client would.
package testcaddy

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
)

// Module is a module that Caddy loads, uses and cleans up.
type Module interface {
	caddy.Provisioner
	caddy.Validator
	caddy.CleanerUpper
}

// Context is the context of a config of its own, as Caddy provisions it: without one,
// there are no apps.
func Context(t testing.TB) caddy.Context {
	t.Helper()
	config, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(config)
	t.Cleanup(cancel)
	return ctx
}

// Provision loads a module from its own JSON, in Caddy's order, and has it cleaned up
// at the end of the test. T is the module's struct, and M is a pointer to it.
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

// Unreachable is a next handler that must not be called.
func Unreachable(t testing.TB) caddyhttp.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) error {
		t.Error("the request was passed on")
		return nil
	}
}

// WithBody gives a request another body, of the length that is declared.
func WithBody(r *http.Request, body string, length int64) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), length
}
