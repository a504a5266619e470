package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The version is the same wherever it is reported: by the binary, in the log, to probes and to
// Prometheus.
func TestVersionIsSaid(t *testing.T) {
	t.Parallel()
	said, err := caddyCommand(t, t.Context(), nil, "payermax-version", "--json").Output()
	require.NoError(t, err)
	var own struct{ Version, Commit, Caddy, Go, Platform string }
	require.NoError(t, json.Unmarshal(said, &own))
	for _, value := range []string{own.Version, own.Commit, own.Caddy, own.Go, own.Platform} {
		assert.NotEmpty(t, value, "%s", said)
	}

	s := startSidecar(t, setup{gateway: "sandbox sandbox", unchecked: true, site: "payermax_health\nmetrics /metrics"})
	s.AwaitLine(t, `"msg":"caddy-payermax","version":"`+own.Version+`","commit":"`+own.Commit+`","go":"`+own.Go+`"`)
	assert.Contains(t, get(t, "http://"+s.addr+"/readyz"), `"version":"`+own.Version+`","commit":"`+own.Commit+`"`)
	assert.Contains(t, get(t, "http://"+s.addr+"/metrics"), `caddy_payermax_build_info{commit="`+own.Commit+`",goversion="`+own.Go+`",version="`+own.Version+`"} 1`)
}

// Caddy's commands that would replace the binary say that they cannot, and what to do instead.
func TestBinaryIsNotReplaced(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"upgrade", "upgrade --keep-backup", "add-package example.com/module", "remove-package example.com/module"} {
		said, err := caddyCommand(t, t.Context(), nil, strings.Fields(command)...).CombinedOutput()
		assert.Error(t, err, command)
		assert.Contains(t, string(said), "build it again instead", command)
		assert.NotContains(t, string(said), "panic", command)
	}
	said, err := caddyCommand(t, t.Context(), nil, "help", "upgrade").CombinedOutput()
	assert.NoError(t, err)
	assert.Contains(t, string(said), "EXPERIMENTAL")
}
