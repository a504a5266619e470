package command

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProxyVariables(t *testing.T) {
	environment := map[string]string{"HTTPS_PROXY": "http://user:canary@proxy", "http_proxy": "x", "NO_PROXY": "y"}
	assert.Equal(t, []string{"HTTPS_PROXY", "http_proxy"}, proxyVariables(func(name string) string { return environment[name] }))
	assert.Empty(t, proxyVariables(func(string) string { return "" }))
}

// An interrupt unloads everything that the trial has loaded.
func TestTrialIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	trial, err := newTrial(ctx, true)
	require.NoError(t, err)
	defer trial.end()
	interrupt()
	<-trial.ctx.Done()
}

// Apps that a transport needs are found, although the servers are not running.
func TestTrialHasApps(t *testing.T) {
	trial, err := newTrial(t.Context(), true)
	require.NoError(t, err)
	defer trial.end()
	tree, err := decodeTree([]byte(`{"apps":{"http":{"servers":{}},"pki":{"certificate_authorities":{"ours":{"name":"Ours"}}}}}`))
	require.NoError(t, err)
	trial.use(tree)
	assert.NotContains(t, trial.config.AppsRaw, "http")
	app, err := trial.ctx.App("pki")
	require.NoError(t, err)
	assert.Implements(t, (*caddy.App)(nil), app)
}

func TestWithoutHealthChecks(t *testing.T) {
	var config, want any
	require.NoError(t, json.Unmarshal([]byte(`[{"handle":[{"handler":"reverse_proxy","health_checks":{"active":{"uri":"/"},"passive":{}}}]},{"health_checks":{"active":1}}]`), &config))
	require.NoError(t, json.Unmarshal([]byte(`[{"handle":[{"handler":"reverse_proxy","health_checks":{"passive":{}}}]},{"health_checks":{"active":1}}]`), &want))
	withoutHealthChecks(config)
	assert.Equal(t, want, config)
}

func TestInnermost(t *testing.T) {
	const id = "http.handlers.payermax"
	for text, want := range map[string]string{
		"loading module 'payermax': provision " + id + ": app_id: required": "app_id: required",
		"json: unknown field": "json: unknown field",
	} {
		assert.Equal(t, want, innermost(errString(text), id))
	}
}

type errString string

func (e errString) Error() string { return string(e) }

// The doctor also works where it cannot write anything.
func TestTrialStorage(t *testing.T) {
	writable, nowhere := t.TempDir(), filepath.Join(t.TempDir(), "not there")
	for _, parents := range [][]string{{writable}, {nowhere, writable}} {
		directory, remove := trialStorage(parents...)
		assert.Equal(t, writable, filepath.Dir(directory))
		assert.DirExists(t, directory)
		remove()
		assert.NoDirExists(t, directory)
	}
	directory, remove := trialStorage(nowhere, nowhere)
	assert.NoDirExists(t, directory)
	remove()
	left, err := os.ReadDir(writable)
	require.NoError(t, err)
	assert.Empty(t, left)
}
