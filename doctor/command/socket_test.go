package command

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// The doctor reports Unix sockets that Caddy cannot create or that other users can
// replace.
func TestSockets(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "sock") // its path is short enough for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	in := func(names ...string) string { return filepath.Join(append([]string{folder}, names...)...) }
	require.NoError(t, os.WriteFile(in("file"), nil, 0o600))
	for _, directory := range []string{"open", "folder"} {
		require.NoError(t, os.Mkdir(in(directory), 0o700))
	}
	require.NoError(t, os.Chmod(in("open"), 0o777)) //nolint:gosec // that is the fault
	listener, err := net.Listen("unix", in("live.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })

	for path, want := range map[string]struct {
		outcome doctor.Outcome
		says    string
	}{
		in("free.sock"):                   {},
		in("live.sock"):                   {},
		in("missing", "a.sock"):           {doctor.Problem, "there is no directory " + in("missing")},
		in("file", "a.sock"):              {doctor.Problem, "file"},
		in("file"):                        {doctor.Problem, "is not a socket; Caddy deletes it when it starts"},
		in("folder"):                      {doctor.Problem, "is a directory"},
		in("open", "a.sock"):              {doctor.Warning, "every user may write to"},
		in(strings.Repeat("a", 120)):      {doctor.Problem, "bytes, and the system allows "},
		"/proc/self/payermax/a.sock":      {doctor.Problem, "there is no directory"},
		"/proc/self/fdinfo/payermax.sock": {doctor.Problem, "this user cannot make a socket in /proc/self/fdinfo"},
	} {
		if _, err := os.Stat("/proc/self"); err != nil && strings.HasPrefix(path, "/proc") {
			continue // not on Linux
		}
		results := adapted(t, ":8080 {\nbind 127.0.0.1 unix/"+path+"|0660\n"+signing+"}").describeSockets("Caddyfile")
		if want.says == "" {
			assert.Empty(t, results, path)
			continue
		}
		require.Len(t, results, 1, path)
		assert.Equal(t, want.outcome, results[0].Outcome, path)
		assert.Contains(t, results[0].Message, want.says)
		assert.NotEmpty(t, results[0].Next)
	}
	assert.Empty(t, adapted(t, ":8080 {\nbind unix/@payermax\n"+signing+"}").sockets(), "an abstract socket")
}
