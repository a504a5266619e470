package commands

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two Caddys can listen at one port and share what comes in, so that a sidecar that
// somebody has left running would answer a part of the demonstration's calls.
func TestDemoSharesNoPort(t *testing.T) {
	address, err := caddy.ParseNetworkAddress("127.0.0.1:0")
	require.NoError(t, err)
	opened, err := address.Listen(context.Background(), 0, net.ListenConfig{})
	require.NoError(t, err)
	listener := opened.(net.Listener)
	port := listener.Addr().(*net.TCPAddr).Port

	assert.ErrorContains(t, checkFree(port), "--port 0 uses any free one")
	require.NoError(t, listener.Close())
	free, err := freePort()
	require.NoError(t, err)
	assert.NoError(t, checkFree(free))
}

// Without a place for temporary files, the demonstration says what to set.
func TestDemoNeedsTemporaryFiles(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	_, err := makeDemoKeys()
	assert.ErrorContains(t, err, "set TMPDIR to a writable directory")
}
