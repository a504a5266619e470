package payermax

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// In JSON, a sandbox can stand before the proxy that calls were meant for.
func TestDoctorFindsProxyBehindSandbox(t *testing.T) {
	config, err := decodeTree([]byte(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"a":{"listen":["127.0.0.1:8080"],"routes":[{"handle":[
		{"handler":"payermax","sandbox":true},{"handler":"reverse_proxy","upstreams":[{"dial":"pay-gate.payermax.com:443"}]}]}]}}}}}`))
	require.NoError(t, err)
	trial, err := newTrial(t.Context(), true)
	require.NoError(t, err)
	defer trial.end()
	setup, _ := trial.setup("caddy.json", config)
	report := doctor.Examine(t.Context(), setup, doctor.Options{Offline: true})
	found := resultsOf(report, "sandbox")
	require.Len(t, found, 1, "%v", report)
	assert.Equal(t, doctor.Warning, found[0].Outcome)
	assert.Contains(t, found[0].Message, "a reverse_proxy comes after the sandbox")
	assert.Contains(t, found[0].Next, `remove "sandbox": true if calls are for PayerMax`)
}

// The credentials of several merchants are named, each once.
func TestDoctorNamesCredentialsOfSeveral(t *testing.T) {
	report := examined(t, site("gateway sandbox sandbox\nsp_merchant_no SP\nmerchant 1 {\napp_id a\n}\nmerchant 2 {\napp_id b\n}"), doctor.Options{Offline: true})
	found := resultsOf(report, "sandbox")
	require.Len(t, found, 1, "%v", report)
	assert.Contains(t, found[0].Message, "a merchant's app_id, merchant_no, sp_merchant_no stand")
}

// Where nothing can be written, the doctor does without.
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
