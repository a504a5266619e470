package commandline

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Colours are for terminals, unless they are disabled. The null device is not a terminal.
func TestWantsColours(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, test := range []struct {
		path, noColor, term string
		isTerminal, want    bool
	}{
		{"/dev/ptmx", "", "xterm", true, true}, // the other side of a pseudo-terminal (pty(7))
		{"/dev/ptmx", "1", "xterm", true, false},
		{"/dev/ptmx", "", "dumb", true, false},
		{os.DevNull, "", "xterm", false, false},
		{file, "", "xterm", false, false},
	} {
		t.Setenv("NO_COLOR", test.noColor)
		t.Setenv("TERM", test.term)
		opened, err := os.OpenFile(test.path, os.O_RDWR, 0)
		require.NoError(t, err)
		assert.Equal(t, test.isTerminal, IsTerminal(opened), test)
		assert.Equal(t, test.want, WantsColours(opened), test)
		require.NoError(t, opened.Close())
	}
}
