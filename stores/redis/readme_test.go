package redis

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// The page has a row for each option, with its default and its JSON name, and Caddyfiles that
// Caddy accepts.
func TestReadme(t *testing.T) {
	page := markdown.Page(t, "README.md")
	for _, row := range Options.Describe().Rows {
		require.Len(t, row.Fields, 1, row.Name)
		name, _, _ := strings.Cut(row.Fields[0].Tag.Get("json"), ",")
		assert.Contains(t, page, fmt.Sprintf("| `%s` | `%s` |", row.Name, name))
	}
	for _, row := range tlsOptions.Describe().Rows {
		assert.Contains(t, page, "`"+row.Name)
	}
	assert.Contains(t, page, fmt.Sprintf("| `key_prefix` | `key_prefix` | `%s` |", defaultPrefix))
	assert.Contains(t, page, fmt.Sprintf("| `timeout` | `timeout` | `%v` |", defaultTimeout))
	for _, block := range markdown.Blocks(page) {
		if block.Language == "caddyfile" {
			adapt(t, block.Text)
		}
	}
}

// The user that the page creates can do what the store does, and cannot touch other keys.
func TestReadmeUser(t *testing.T) {
	server := startServer(t)
	var rule string
	for _, block := range markdown.Blocks(markdown.Page(t, "README.md")) {
		if strings.HasPrefix(block.Text, "ACL SETUSER") {
			rule = block.Text
		}
	}
	require.NotEmpty(t, rule)
	var command []any
	for _, word := range strings.Fields(rule) {
		command = append(command, word)
	}
	require.NoError(t, server.client().Do(t.Context(), command...).Err())
	password := writeSecret(t, "password")
	s := open(t, Settings{Addresses: []string{server.address}, Username: "payermax", PasswordFile: password})
	key := stores.NewScope("test").Key("thing")
	state, claim, err := s.Claim(t.Context(), key, lifetime)
	require.NoError(t, err)
	assert.Equal(t, stores.New, state)
	require.NoError(t, s.Renew(t.Context(), claim, lifetime))
	require.NoError(t, s.Release(t.Context(), claim))
	require.NoError(t, s.Finish(t.Context(), claim, lifetime))

	scope := stores.NewScope("test")
	reservation := stores.Reservation{
		Call: scope.NewKey(), Lease: lifetime, Order: scope.Key("order"),
		Rates:   []stores.Rate{{Key: scope.Key("rate"), PerSecond: 1, Burst: 1}},
		Budgets: []stores.Budget{{Key: scope.Key("budget"), Window: stores.Day, Limit: 10, Amount: 5}},
	}
	_, err = s.Reserve(t.Context(), reservation)
	require.NoError(t, err)
	require.NoError(t, s.Settle(t.Context(), reservation, stores.Unsent))
	_, err = s.Concerns(t.Context())
	require.NoError(t, err)

	other := open(t, Settings{Addresses: []string{server.address}, Username: "payermax", PasswordFile: password, KeyPrefix: "other:"})
	_, _, err = other.Claim(t.Context(), key, lifetime)
	assert.ErrorContains(t, err, "NOPERM")
}

// Each option has an example that can be read, but not twice.
func TestOptions(t *testing.T) {
	for _, row := range Options.Describe().Rows {
		config := adapt(t, "{\n\tpayermax_store redis {\n"+row.Example+"\n}\n}")
		assert.Contains(t, config, `"`+strings.Split(row.Fields[0].Tag.Get("json"), ",")[0]+`":`, row.Name)
		if row.Name == "address" {
			continue // may be repeated
		}
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\n\tpayermax_store redis {\n"+row.Example+"\n"+row.Example+"\n}\n}"), nil)
		if row.Name != "cluster" { // repeating it has no effect
			assert.ErrorContains(t, err, "already set", row.Name)
		}
	}
	for _, row := range tlsOptions.Describe().Rows {
		adapt(t, "{\n\tpayermax_store redis {\ntls {\n"+row.Example+"\n}\n}\n}")
	}
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\n\tpayermax_store redis {\npassword hunter2\n}\n}"), nil)
	require.ErrorContains(t, err, "unrecognized subdirective password; did you mean password_file?")
	assert.NotContains(t, err.Error(), "hunter2")
}

// adapt returns the JSON config of a Caddyfile.
func adapt(t *testing.T, text string) string {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	require.NoError(t, err, text)
	return string(config)
}
