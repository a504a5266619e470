package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two Caddy processes can listen on the same port and share its connections, so that a
// sidecar that is still running would answer some of the demonstration's calls.
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

// A port that was free when it was chosen can be taken before Caddy listens on it. Then other
// ports are tried.
func TestDemoTriesOtherPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	inUse := caddy.Load(fmt.Appendf(nil, `{"admin":{"disabled":true},"apps":{"http":{"servers":{"demo":{"listen":[%q]}}}}}`, taken.Addr()), true)
	require.Error(t, inUse)

	for name, test := range map[string]struct {
		errs  []error // of the attempts, in order
		calls int
		want  error
	}{
		"free":              {[]error{nil}, 1, nil},
		"taken twice":       {[]error{inUse, inUse, nil}, 3, nil},
		"another error":     {[]error{io.EOF}, 1, io.EOF},
		"taken, then wrong": {[]error{inUse, io.EOF}, 2, io.EOF},
		"always taken":      {[]error{inUse, inUse, inUse, inUse, inUse}, 5, inUse},
	} {
		calls := 0
		err := unlessTaken(func() error {
			calls++
			return test.errs[calls-1]
		})
		assert.Equal(t, test.want, err, name)
		assert.Equal(t, test.calls, calls, name)
	}
}

// An interrupted demonstration ends without an error.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(context.Background())
	d := &demo{out: io.Discard}
	assert.ErrorContains(t, d.tell(ctx, "127.0.0.1:1"), "calling the sidecar")
	interrupt()
	assert.NoError(t, d.tell(ctx, "127.0.0.1:1"))
}

// No part of a demonstration can be reached from another machine, whatever addresses its
// Caddyfile has.
func TestDemoStaysOnThisMachine(t *testing.T) {
	config, err := forTheShow([]byte(`{"apps":{"http":{"servers":{
		"all":{"listen":[":8081"]},
		"one":{"listen":["127.0.0.1:8080","handover/127.0.0.1:8082","handover/:8083"]},
		"socket":{"listen":["unix//run/payermax.sock"]},
		"default":{}}}}}`))
	require.NoError(t, err)
	var root struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct{ Listen []string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(config, &root))
	servers := root.Apps.HTTP.Servers
	assert.Equal(t, []string{"127.0.0.1:8081"}, servers["all"].Listen)
	assert.Equal(t, []string{"127.0.0.1:8080", "handover/127.0.0.1:8082", "handover/127.0.0.1:8083"}, servers["one"].Listen)
	assert.Equal(t, []string{"unix//run/payermax.sock"}, servers["socket"].Listen)
}

// Without a directory for temporary files, the demonstration says what to set.
func TestDemoNeedsTemporaryFiles(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	_, err := makeDemoKeys()
	assert.ErrorContains(t, err, "set TMPDIR to a writable directory")
}
