package redis

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// The doctor reports whether the store answers, but does not depend on it. It does not
// contact the store if told not to.
func TestDoctorAsksTheStore(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	config := filepath.Join(t.TempDir(), "Caddyfile")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `{
	admin off
	payermax_store redis {
		address %s
	}
}
http://127.0.0.1:8080 {
	payermax_notify /callback* {
		gateway_public_key %s
		app_id app
		duplicates 1h
	}
	respond /callback* 200
}
`, server.address, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)), 0o600))
	doctor := func(arguments ...string) string {
		program, err := os.Executable()
		require.NoError(t, err)
		command := exec.Command(program, append([]string{"payermax-doctor", "--config", config}, arguments...)...)
		command.Env = append(os.Environ(), asSidecar+"=1", "HOME="+t.TempDir())
		said, err := command.CombinedOutput()
		if _, isProblem := err.(*exec.ExitError); !isProblem {
			require.NoError(t, err)
		}
		return string(said)
	}
	said := doctor()
	assert.Contains(t, said, "the shared store answers and accepts writes")
	assert.NotContains(t, said, "maxmemory-policy")
	require.NoError(t, server.client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	said = doctor()
	assert.Contains(t, said, "the store's maxmemory-policy is allkeys-lru")
	assert.Contains(t, said, "set maxmemory-policy to noeviction")
	server.kill()
	said = doctor()
	assert.Contains(t, said, "the shared store does not answer, or returns errors")
	assert.Contains(t, said, "connection refused")
	assert.Contains(t, said, "correct the options of store redis")
	assert.Contains(t, said, "Caddy loads it")
	said = doctor("--offline")
	assert.Contains(t, said, "loading the config connects to the shared store, which --offline does not allow")
	assert.NotContains(t, said, "connection refused")
}
